import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ImportFileError
from pipeline.source.external_sort import ExternalSort


@given(st.lists(st.binary(max_size=20), max_size=300), st.integers(min_value=1, max_value=5000))
def test_records_come_back_sorted_and_complete_whatever_fits_into_memory(records: list[bytes], memory: int) -> None:
    with ExternalSort(memory) as sort:
        for record in records:
            sort.add(record)
        assert list(sort.merged()) == sorted(records)
        assert list(sort.merged()) == sorted(records)
        assert sort.records == len(records)


def test_many_runs_are_merged_into_one_before_files_run_out() -> None:
    with ExternalSort(1) as sort:
        for number in range(1000, 0, -1):
            sort.add(number.to_bytes(2))
        assert list(sort.merged()) == [number.to_bytes(2) for number in range(1, 1001)]
        assert len(sort._runs) < 64  # noqa: SLF001 - the bound is the promise


@pytest.fixture
def spill_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_no_file_has_a_name_that_could_be_left_behind(spill_folder: Path) -> None:
    with ExternalSort(1) as sort:
        sort.add(b"a" * 1000)
        assert sort.spilled_bytes > 1000
        assert list(spill_folder.iterdir()) == []


def test_a_disk_that_takes_no_more_is_an_error_that_names_the_folder(spill_folder: Path) -> None:
    absent = spill_folder / "absent"
    tempfile.tempdir = str(absent)
    with ExternalSort(1) as sort, pytest.raises(ImportFileError, match="absent: sorting needs room here"):
        sort.add(b"a")
