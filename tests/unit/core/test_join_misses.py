"""What counts as a condition that nobody reported: what the model reads for a passage and no place has in time."""

from collections import Counter
from typing import Any, Final

import pytest

from pipeline.core.assess import assess
from pipeline.core.catalog import Catalog, Channel, ChannelEntry, TouchPointEntry, Windows
from pipeline.core.conditions import HOUR, MINUTE, ConditionRecord, Conditions
from pipeline.core.events import CHANNEL_TYPES, Arrived, Ended, InteractionEvent, Outcome, Served, event_time
from pipeline.core.models import Model
from pipeline.core.record import Decoded
from pipeline.core.scored import ENDED, OPEN
from pipeline.core.shard import Shard
from tests.unit.core.passages import model_of

NOW: Final = 1_790_000_000_000
PLACE: Final = "branch/042/teller"
BRANCH: Final = "branch/042"
ENDED_AT: Final = NOW + 10 * MINUTE
WINDOWS: Final = Windows(
    idle_timeout=HOUR, max_open=12 * HOUR, correction_window=HOUR, provisional_after=2 * MINUTE
)  # fmt: skip


def model(*signals: str, applies_when: str = "always", cap: str = "", version: int = 1, **changes: Any) -> Model:  # noqa: ANN401 - of any field
    """Each of the signals costs points when it is low; with `cap`, another one caps the score above 0."""
    elements = {
        f"environment.e{number}": {
            "signal": signal,
            "weight": 80 / len(signals),
            "owner": "nobody",
            "applies_when": applies_when,
            "curve": [[0, 0], [1, 100]],
        }
        for number, signal in enumerate(signals)
    }
    elements["outcome.outcome"] = {
        "signal": "outcome", "weight": 20 if signals else 100, "owner": "nobody",
        "table": {"completed": 100, "abandoned": 0},
    }  # fmt: skip
    caps = {"abandoned": {"when": "outcome in [abandoned]", "at_most": 30, "owner": "nobody", "group": "outcome"}}
    if cap:
        caps["high"] = {"when": f"{cap} > 0", "at_most": 50, "owner": "nobody", "group": "environment"}
    document = {"name": "m", "version": version, "applies_to": [PLACE], "elements": elements, "caps": caps}
    return model_of(document | changes)


def catalog(*models: Model, systems: tuple[str, ...] = ()) -> Catalog:
    channel = Channel(
        name="branch", opening=frozenset({"arrived"}), types=CHANNEL_TYPES["branch"], waits_from="arrived",
        windows=WINDOWS,
    )  # fmt: skip
    entry = TouchPointEntry(
        pattern=PLACE, channel="branch", emits=frozenset(), systems=systems, owner="branch", team=None,
        time_zone="UTC", valid_from=None,
    )  # fmt: skip
    return Catalog([ChannelEntry(channel=channel, valid_from=None)], [entry], models)


def reported(*told: tuple[str, str, int]) -> Conditions:
    """Subject, kind and time of conditions, in the order in which they were told."""
    conditions = Conditions()
    for offset, (subject, kind, time) in enumerate(told):
        conditions.apply(ConditionRecord(offset, NOW, subject, kind, time, 1.0))
    return conditions


def visit(places: Catalog, *, served: bool = True, synthetic: bool = False) -> Shard:
    """A shard that has read one visit of ten minutes, from its arrival on `NOW` to its end."""
    shard, name = Shard(places, 0), "i"
    events: list[InteractionEvent] = [Arrived(interaction=name, touch_point=PLACE, time=NOW, synthetic=synthetic)]
    if served:
        events.append(Served(interaction=name, touch_point=PLACE, time=NOW + MINUTE))
    events.append(Ended(interaction=name, touch_point=PLACE, time=ENDED_AT, outcome=Outcome.COMPLETED))
    for event in events:
        time = event_time(event)
        offset = shard.position
        shard.fold(Decoded(offset, time, time, name, str(offset), offset, event, places.resolve(PLACE, time)), offset)
    return shard


def misses(places: Catalog, conditions: Conditions, *, served: bool = True) -> list[tuple[str, str]]:
    held = visit(places, served=served).held["i"]
    return sorted(assess(held, ENDED, -1, 0, conditions)[1])


def test_a_sensor_that_never_reported_is_missed_by_each_interaction_whose_model_reads_it() -> None:
    reads = catalog(model("line_length_at_arrival", "comfort_while_waiting"))
    assert misses(reads, reported()) == [("comfort", "never"), ("line_length", "never")]
    assert misses(reads, reported((PLACE, "line_length", NOW))) == [("comfort", "never")]


def test_what_no_model_reads_is_missed_by_nobody() -> None:
    assert misses(catalog(model()), reported()) == []
    assert misses(catalog(model("wait_seconds")), reported((PLACE, "line_length", NOW - HOUR))) == []


def test_what_is_reported_in_time_is_no_miss() -> None:
    reads = catalog(model("line_length_at_arrival", "comfort_while_waiting"))
    assert misses(reads, reported((PLACE, "line_length", NOW), (BRANCH, "comfort", NOW - MINUTE))) == []


def test_a_stale_value_is_missed_as_stale_once_wherever_it_was_reported() -> None:
    reads = catalog(model("line_length_at_arrival"))
    stale, later = NOW - HOUR, NOW + HOUR
    assert misses(reads, reported((PLACE, "line_length", stale))) == [("line_length", "stale")]
    assert misses(reads, reported((PLACE, "line_length", stale), (BRANCH, "line_length", later))) == [
        ("line_length", "stale")
    ]
    assert misses(reads, reported((PLACE, "line_length", later), (BRANCH, "line_length", stale))) == [
        ("line_length", "stale")
    ]


@pytest.mark.parametrize("time", [NOW - HOUR, NOW + HOUR])
def test_a_wider_place_that_serves_leaves_no_miss_of_the_nearer_one(time: int) -> None:
    reads = catalog(model("line_length_at_arrival"))
    assert misses(reads, reported((PLACE, "line_length", time), (BRANCH, "line_length", NOW))) == []


def test_only_a_value_of_later_is_as_none() -> None:
    reads = catalog(model("line_length_at_arrival"))
    assert misses(reads, reported((PLACE, "line_length", NOW + MINUTE))) == [("line_length", "never")]


def test_a_cap_reads_its_signal_too() -> None:
    assert misses(catalog(model(cap="line_length_at_arrival")), reported()) == [("line_length", "never")]


def test_an_element_that_does_not_apply_misses_nothing() -> None:
    reads = catalog(model("comfort_while_waiting", applies_when="served"))
    assert misses(reads, reported(), served=False) == []
    assert misses(reads, reported(), served=True) == [("comfort", "never")]


LATENCY: Final = "system_latency_seconds.identity"


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ((), ["never"]),
        ((("system/identity", "latency_seconds", NOW + HOUR),), ["never"]),
        ((("system/identity", "latency_seconds", NOW - HOUR),), ["stale"]),
        ((("system/identity", "latency_seconds", NOW),), []),
        ((("system/identity@branch/042/teller", "latency_seconds", NOW - HOUR),
          ("system/identity", "latency_seconds", NOW)), []),
    ],
)  # fmt: skip
def test_the_latency_of_a_system_is_missed_by_those_who_were_served(
    told: tuple[tuple[str, str, int], ...], cause: list[str]
) -> None:
    reads = catalog(model(LATENCY), systems=("identity",))
    assert misses(reads, reported(*told)) == [("latency_seconds", each) for each in cause]
    assert misses(reads, reported(*told), served=False) == []


def test_a_system_that_did_not_work_or_is_none_of_the_touch_point_is_not_missed() -> None:
    assert misses(catalog(model(LATENCY), systems=("documents",)), reported()) == []
    where_it_worked = catalog(model(LATENCY, applies_when="operation.identity"), systems=("identity",))
    assert misses(where_it_worked, reported()) == []


def test_a_new_version_of_the_model_says_what_is_missed_from_then_on() -> None:
    conditions = reported((PLACE, "line_length", NOW))
    later = model("comfort_while_waiting", version=2, valid_from="2026-09-21T14:13:20Z")
    assert later.valid_from == NOW
    assert misses(catalog(model("line_length_at_arrival")), conditions) == []
    assert misses(catalog(model("line_length_at_arrival"), later), conditions) == [("comfort", "never")]


def test_a_miss_is_counted_once_with_the_first_end_and_for_no_probe() -> None:
    places = catalog(model("comfort_while_waiting"))
    counted: list[Counter[tuple[str, str]]] = []
    for synthetic in (False, True):
        shard = visit(places, synthetic=synthetic)
        held = shard.held["i"]
        shard.output.write(held, OPEN, 0)
        before = shard.output.tally.misses()
        shard.write_due()
        shard.output.write(held, ENDED, -1)
        shard.output.write(held, ENDED, -1)
        counted += [before, shard.output.tally.misses()]
    assert counted == [Counter(), Counter({("comfort", "never"): 1}), Counter(), Counter()]
