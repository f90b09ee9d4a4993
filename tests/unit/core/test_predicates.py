import pytest

from pipeline.core.events import Outcome
from pipeline.core.passage import Passage
from pipeline.core.predicates import holds, parse_predicate, write_predicate
from tests.unit.core.passages import passage


@pytest.mark.parametrize(
    ("text", "seen", "expected"),
    [
        ("always", passage(), True),
        ("queued", passage(queued=True), True),
        ("queued", passage(queued=False), False),
        ("served", passage(served=True), True),
        ("served", passage(served=False), False),
        ("operation.identity", passage(operations=frozenset({"identity"})), True),
        ("operation.identity", passage(operations=frozenset({"ledger"})), False),
        ("outcome in [abandoned, no_show]", passage(outcome=Outcome.NO_SHOW), True),
        ("outcome in [abandoned, no_show]", passage(outcome=Outcome.COMPLETED), False),
        ("outcome in [abandoned]", passage(outcome=None), None),
        ("outcome in [abandoned]", passage(outcome=Outcome.TIMED_OUT), None),
        ("outcome in [abandoned, timed_out]", passage(outcome=Outcome.TIMED_OUT), True),
        ("outcome in [abandoned, timed_out]", passage(outcome=None), None),
        ("outcome in [abandoned, timed_out]", passage(outcome=Outcome.COMPLETED), False),
        ("wait_seconds > 600", passage({"wait_seconds": 600.5}), True),
        ("wait_seconds > 600", passage({"wait_seconds": 600.0}), False),
        ("wait_seconds > 600", passage(), None),
        ("operation_seconds.identity > 9.5", passage({"operation_seconds.identity": 10.0}), True),
    ],
)
def test_a_condition_holds_does_not_or_is_unknown(text: str, seen: Passage, expected: bool | None) -> None:  # noqa: FBT001
    assert holds(parse_predicate(text), seen) is expected


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" always ", "always"),
        ("outcome  in [no_show ,abandoned]", "outcome in [abandoned, no_show]"),
        ("wait_seconds>600", "wait_seconds > 600.0"),
        ("operation.identity", "operation.identity"),
        ("queued", "queued"),
    ],
)
def test_a_condition_has_one_spelling_that_reads_back(text: str, written: str) -> None:
    assert write_predicate(parse_predicate(text)) == written
    assert parse_predicate(written) == parse_predicate(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sometimes", "no condition"),
        ("", "no condition"),
        ("operation.", "no condition"),
        ("outcome in []", "no outcome listed"),
        ("outcome in [lost]", "unknown outcome 'lost'"),
        ("outcome > 3", "no signal that can be compared"),
        ("patience > 3", "no signal that can be compared"),
        ("wait_seconds > long", "no number"),
        ("wait_seconds > nan", "no number"),
        ("wait_seconds < 3", "no condition"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_predicate(text)
