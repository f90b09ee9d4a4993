import gzip
from pathlib import Path

import pytest

from pipeline.errors import ImportFileError
from pipeline.source.mapping import Table
from pipeline.source.table import TableFile


def read(path: Path, form: Table) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with TableFile(path, form) as table:
        return list(table.columns), list(table.rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1255", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_any_encoding_packed_or_not_gives_the_same_rows(tmp_path: Path, encoding: str, packed: bool, ends: str) -> None:  # noqa: FBT001
    content = ends.join(["name;n", "שלום;1", '"a;b";2', ""]).encode(encoding)
    path = tmp_path / "table.txt"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read(path, Table(delimiter="semicolon", encoding=encoding.removesuffix("-sig")))
    assert found == (["name", "n"], [(2, ["שלום", "1"]), (3, ["a;b", "2"])])


def test_columns_are_named_where_the_file_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("1\t2\n", encoding="utf-8")
    assert read(path, Table(delimiter="tab", header=False, columns=("a", "b"))) == (["a", "b"], [(1, ["1", "2"])])


def test_a_row_is_numbered_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"two\nlines"\n\n3,4\n', encoding="utf-8")
    assert [line for line, _ in read(path, Table())[1]] == [2, 5]


def test_quotes_are_plain_signs_without_quoting(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('a,b\n"1,2"\n', encoding="utf-8")
    assert read(path, Table(quoting="none"))[1] == [(2, ['"1', '2"'])]


def test_a_packed_file_that_breaks_off_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10)[:-9])
    with pytest.raises(ImportFileError, match=r"table\.csv\.gz:\d+: cannot be read on from here"):
        read(path, Table())


def test_an_open_quote_is_refused_instead_of_swallowing_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,2\n3,"4\n5,6\n', encoding="utf-8")
    with pytest.raises(ImportFileError, match=r"table\.csv:3: cannot be read on from here: unexpected end of data"):
        read(path, Table())


@pytest.mark.parametrize(("content", "message"), [("", "the file is empty"), ("a,b,a\n", "names a twice")])
def test_a_header_that_cannot_serve_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ImportFileError, match=message):
        read(path, Table())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"absent\.csv: cannot be read: No such file"):
        read(tmp_path / "absent.csv", Table())
