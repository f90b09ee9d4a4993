"""Conditions that come after the interactions they touch, one by one or thousands at once."""

from pathlib import Path

import pytest
from msgspec import structs

from pipeline.catalog_files import load_catalog
from pipeline.core import correctable
from pipeline.core.conditions import MINUTE, ConditionRecord, subjects_of
from pipeline.core.events import Arrived, Ended, Outcome
from pipeline.core.record import Decoded
from pipeline.core.shard import Shard

CATALOG = load_catalog(Path(__file__).parents[3] / "schemas")
NOW = 1_790_000_000_000
BRANCHES = 3
ENDED = 60  # interactions, one a minute long, one after another


def worked_off(feed: list[ConditionRecord]) -> Shard:
    """A shard that wrote all rows before it heard of any condition."""
    shard = Shard(CATALOG, 0, feed=feed)
    for number in range(ENDED):
        name, touch_point, time = f"i{number}", f"branch/{number % BRANCHES}/teller", NOW + number * MINUTE // 10
        for event in (
            Arrived(interaction=name, touch_point=touch_point, time=time),
            Ended(interaction=name, touch_point=touch_point, time=time + MINUTE, outcome=Outcome.COMPLETED),
        ):
            moment, place = int(event.time), CATALOG.resolve(touch_point, NOW)  # type: ignore[arg-type]
            offset = shard.position
            shard.fold(Decoded(offset, moment, moment, name, str(offset), 0, event, place), offset)
    shard.write_due()
    shard.output.take()
    return shard


def late(subject: str, minutes: float, offset: int = 0, kind: str = "line_length") -> ConditionRecord:
    stamp = NOW + 1000 * MINUTE
    return ConditionRecord(offset, stamp, subject, kind, NOW + round(minutes * MINUTE), 1.0)


def corrected(shard: Shard) -> list[str]:
    shard.apply_conditions()
    shard.write_due()
    return sorted((row.interaction for row in shard.output.take()[0]), key=lambda name: int(name[1:]))


@pytest.mark.parametrize("subjects", [["branch/1"], ["branch/0", "branch/2"], ["system/identity"], ["branch/7"]])
def test_many_at_once_touch_whom_they_touch_one_by_one(subjects: list[str]) -> None:
    feed = [
        late(subject, minutes, kind="degraded" if subject.startswith("system") else "line_length")
        for minutes in (6.0, 3.5, 5.0)
        for subject in subjects
    ]
    one_by_one: set[str] = set()
    for record in feed:
        one_by_one.update(corrected(worked_off([record])))

    assert set(corrected(worked_off(feed))) == one_by_one
    assert bool(one_by_one) == (subjects != ["branch/7"])


def test_whoever_ended_before_the_earliest_is_not_touched() -> None:
    assert corrected(worked_off([late("branch/0", 6.5), late("branch/0", 6.0)])) == ["i51", "i54", "i57"]


def test_a_touch_point_that_has_lost_a_system_hides_it_from_nobody_before() -> None:
    shard = worked_off([late("system/identity", 5.0, kind="degraded")])
    newest = shard.held["i59"]
    assert newest.touch_point is not None
    newest.touch_point = structs.replace(newest.touch_point, systems=())
    same_place = f"i{ENDED - BRANCHES - 1}"

    found = corrected(shard)

    assert same_place in found
    assert "i59" not in found


def test_every_value_is_kept_however_many_come_before_their_interactions() -> None:
    often = [
        ConditionRecord(number, NOW, "branch/0", "comfort", NOW + number * MINUTE // 1000, 0.25)
        for number in range(60_001)
    ]
    shard = worked_off(often)
    shard.apply_conditions()
    shard.write_due()
    found = shard.conditions.read(CATALOG.resolve("branch/0/teller", NOW), NOW, NOW, None, NOW + MINUTE)  # type: ignore[arg-type]
    assert found.signals["comfort_while_waiting"] == 0.25
    assert found.records == 1001


def test_thousands_at_once_cost_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def count(touch_point: str, systems: tuple[str, ...]) -> frozenset[str]:
        asked.append(touch_point)
        return subjects_of(touch_point, systems)

    shard = worked_off([late(f"branch/{offset % BRANCHES}", -60 + offset / 1000, offset) for offset in range(5000)])
    monkeypatch.setattr(correctable, "subjects_of", count)
    shard.apply_conditions()

    assert len(asked) == BRANCHES
