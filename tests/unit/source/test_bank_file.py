"""The recorded bank calls against the events made of them: counts, and waits call by call."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.events import Ended
from pipeline.source.mapping_file import read_mapping
from pipeline.source.recording import Recording, read_recording
from tests import recorded_calls

DATA = recorded_calls.data_file()
MAPPING = Path(__file__).parents[3] / "examples" / "bank_call_center.yaml"
pytestmark = pytest.mark.skipif(DATA is None, reason=f"{recorded_calls.NAME} is not here: set TOUCHPOINT_TEST_DATA")


@pytest.fixture(scope="module")
def path() -> Path:
    assert DATA is not None
    return DATA


@pytest.fixture(scope="module")
def recording(path: Path) -> Iterator[Recording]:
    with read_recording(path, read_mapping(MAPPING)) as found:
        yield found


@pytest.fixture(scope="module")
def moments(recording: Recording) -> dict[str, dict[str, int]]:
    """Interaction -> kind -> time in milliseconds."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for timed in recording.events():
        assert timed.event.kind not in found[timed.event.interaction]
        found[timed.event.interaction][timed.event.kind] = timed.time
    return found


def test_every_call_but_the_phantoms_is_one_interaction(recording: Recording, path: Path) -> None:
    calls = recorded_calls.recorded_calls(path)
    report = recording.report
    assert (report.rows, report.skipped, report.interactions) == (33_344, {"phantom": 278}, 33_066)
    assert {timed.event.interaction for timed in recording.events()} == {call.interaction for call in calls}
    assert (report.bad_rows, report.duplicate_rows, report.conflicts) == (0, 0, 0)


def test_outcomes_are_those_of_the_file(recording: Recording, path: Path) -> None:
    ended = {
        timed.event.interaction: timed.event.outcome for timed in recording.events() if isinstance(timed.event, Ended)
    }
    assert ended == {call.interaction: call.outcome for call in recorded_calls.recorded_calls(path)}
    assert Counter(ended.values()) == {"completed": 27_162, "abandoned": 5_904}


def test_a_call_is_served_if_and_only_if_it_was_completed(moments: dict[str, dict[str, int]], path: Path) -> None:
    served = {interaction for interaction, kinds in moments.items() if "served" in kinds}
    assert served == {call.interaction for call in recorded_calls.recorded_calls(path) if call.outcome == "completed"}


def test_waits_are_those_of_the_file_call_by_call(moments: dict[str, dict[str, int]], path: Path) -> None:
    waits = {
        interaction: (kinds.get("served", kinds["ended"]) - kinds["queued"]) // 1000 if "queued" in kinds else 0
        for interaction, kinds in moments.items()
    }
    assert waits == {call.interaction: call.wait_seconds for call in recorded_calls.recorded_calls(path)}


def test_events_come_in_the_order_of_time(recording: Recording) -> None:
    times = [timed.time for timed in recording.events()]
    assert times == sorted(times)


def test_a_call_never_runs_backwards(moments: dict[str, dict[str, int]]) -> None:
    order = ("arrived", "self_service_entered", "self_service_left", "queued", "served", "ended")
    for kinds in moments.values():
        times = [kinds[kind] for kind in order if kind in kinds]
        assert times == sorted(times)


def test_calls_keep_their_local_hour(moments: dict[str, dict[str, int]], path: Path) -> None:
    # Israel was two hours ahead of UTC in February 1999; the voice unit's clock was repaired in 23 calls.
    hours = {interaction: f"{kinds['arrived'] // 3_600_000 + 2}" for interaction, kinds in moments.items()}
    recorded = {call.interaction: call.hour for call in recorded_calls.recorded_calls(path)}
    different = sum(int(hours[name]) % 24 != int(hour.split(" ")[1]) for name, hour in recorded.items())
    assert different <= 23


def test_repairs_are_counted_by_rule(recording: Recording) -> None:
    assert recording.report.repaired == {
        "vru_entry.not_after.vru_exit": 23,
        "q_start.missing_with": 1,
        "q_start.next_day": 2,
        "q_exit.next_day": 2,
        "ser_start.next_day": 2,
        "ser_start.only_when": 97,
        "ser_start.filled_by.q_exit": 29,
        "ser_start.filled_by.vru_exit": 21,
        "ser_start.not_before.q_exit": 10_953,
        "ser_start.not_before.vru_exit": 9_952,
        "ser_start.not_after.q_exit": 3,
        "ser_exit.next_day": 16,
        "ser_exit.only_when": 97,
        "ser_exit.filled_by.ser_start": 50,
        "ser_exit.not_before.ser_start": 33,
    }


def test_the_report_names_nobody(recording: Recording, path: Path) -> None:
    report = str(recording.report.as_json())
    named = {text for text in recorded_calls.personal_texts(path) if text.isalpha() and text in report}
    assert named == set()
