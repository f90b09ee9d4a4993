"""What leaves the worker for ClickHouse: complete columns, nobody's identifier in clear."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import RejectReason
from pipeline.sink.rows import (
    REJECT_COLUMNS,
    SCORE_COLUMNS,
    LogPartition,
    Pseudonyms,
    RejectRow,
    reject_columns,
    score_columns,
)
from tests.scored_rows import LOG, PSEUDONYMS, scored

CANARIES = {"customer": "customer-canary-4711", "staff": "staff-canary-0815"}


def test_every_column_has_a_value_per_row() -> None:
    columns = score_columns([scored("a"), scored("b")], LOG, PSEUDONYMS)

    assert [len(column) for column in columns] == [2] * len(SCORE_COLUMNS)


def test_values_stand_under_their_names() -> None:
    row = scored(team="retail", task="PS", attempt=2, priority="high", synthetic=True, partial=True, low=1.0, high=99.0)

    columns = dict(zip(SCORE_COLUMNS, score_columns([row], LOG, PSEUDONYMS), strict=True))

    assert {name: values[0] for name, values in columns.items()} == {
        "interaction_id": "call-1",
        "channel": "call_center",
        "touch_point": "call_center/retail/line",
        "team": "retail",
        "task": "PS",
        "segment": None,
        "customer": None,
        "staff": None,
        "opened_at": 918_043_200_000,
        "started_at": 918_043_200_000,
        "served_at": None,
        "ended_at": 918_043_320_000,
        "state": "ended",
        "outcome": "abandoned",
        "score": 30.0,
        "score_low": 1.0,
        "score_high": 99.0,
        "coverage": 1.0,
        "unscored_reason": None,
        "points_lost": {"wait.queue": 20.0, "outcome.outcome": 35.0, "cap.abandoned": 15.0},
        "signals": {"wait_seconds": 120.0},
        "active_conditions": (),
        "system_seconds": {},
        "events": 3,
        "duplicates": 1,
        "topic_id": "topic-one",
        "partition": 3,
        "first_offset": 100,
        "model": "calls",
        "model_version": 1,
        "model_fingerprint": row.touch_point.model.fingerprint,
        "version": 7,
        "partial": True,
        "priority": "high",
        "appointment": None,
        "continues": None,
        "attempt": 2,
        "synthetic": True,
        "key_id": PSEUDONYMS.key_id,
        "time_zone": "Asia/Jerusalem",
    }


def test_no_column_holds_an_identifier_in_clear() -> None:
    columns = score_columns([scored(**CANARIES)], LOG, PSEUDONYMS)

    assert "canary" not in repr(columns)


def test_one_person_keeps_one_pseudonym() -> None:
    first, second, other = PSEUDONYMS.of(["4711", "4711", "4712"])

    assert first == second != other
    assert PSEUDONYMS.of(["4711"]) == [first]


def test_a_pseudonym_is_the_full_hmac_in_hex() -> None:
    # printf 4711 | openssl dgst -sha256 -hmac "a key for tests only"
    assert PSEUDONYMS.of(["4711"]) == ["049f73b0b1c308e37dc88162f29ca0e92ce4820614f8c7272a45987e72df4ac9"]


def test_another_key_gives_other_pseudonyms_and_another_key_id() -> None:
    other = Pseudonyms(b"another key for tests")

    assert other.of(["4711"]) != PSEUDONYMS.of(["4711"])
    assert other.key_id != PSEUDONYMS.key_id


def test_placeholders_are_nobody() -> None:
    assert Pseudonyms(b"k" * 16, ["", "0", "n/a"]).of(["", "0", "n/a", None]) == [None, None, None, None]


def test_the_key_shows_in_no_text() -> None:
    assert "key for tests" not in repr(PSEUDONYMS)


@given(st.lists(st.text(max_size=5), max_size=30))
def test_pseudonyms_do_not_depend_on_what_is_remembered(ids: list[str]) -> None:
    forgetful = Pseudonyms(b"a key for tests only", capacity=3)

    assert [forgetful.of([each])[0] for each in ids] == PSEUDONYMS.of(ids)


def test_memory_of_pseudonyms_is_bounded() -> None:
    pseudonyms = Pseudonyms(b"k" * 16, capacity=10)

    for number in range(100):
        pseudonyms.of([str(number)])

    assert pseudonyms.remembered <= 13


def test_late_and_orphan_win_over_conflict_and_conflict_over_all_others() -> None:
    def version(reason: RejectReason) -> int:
        return reject(reason).version

    assert version(RejectReason.LATE) == version(RejectReason.ORPHAN) > version(RejectReason.CONFLICT)
    assert version(RejectReason.CONFLICT) > max(
        version(each)
        for each in RejectReason
        if each not in {RejectReason.LATE, RejectReason.ORPHAN, RejectReason.CONFLICT}
    )


def test_of_refused_rows_the_one_with_most_records_wins() -> None:
    assert reject(RejectReason.ROW_REFUSED, records=9).version > reject(RejectReason.ROW_REFUSED, records=2).version


def test_rejects_stand_under_their_names() -> None:
    columns = dict(zip(REJECT_COLUMNS, reject_columns([reject(RejectReason.LATE)]), strict=True))

    assert columns["reason"] == ["late"]
    assert columns["offset"] == [17]
    assert columns["records"] == [1]
    assert columns["source"] == ["urn:bank:core"]


def reject(reason: RejectReason, records: int = 1) -> RejectRow:
    where = LogPartition("calls.events", "topic-one", 3)
    return RejectRow(
        topic_id=where.topic_id,
        topic=where.topic,
        partition=where.partition,
        offset=17,
        reason=reason,
        detail="time",
        source="urn:bank:core",
        stamp=0,
        records=records,
    )
