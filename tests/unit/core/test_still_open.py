"""What a shard counts as open, and which rows it hands over for counting, held against a look through all it holds."""

import gc
from collections import Counter
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog_files import load_catalog
from pipeline.core.events import Arrived, Ended, InteractionEvent, Outcome, Queued, Reopened, Served
from pipeline.core.interaction import Interaction
from pipeline.core.pauses import LookupNeeded
from pipeline.core.record import Decoded
from pipeline.core.scored import RANK_TIMED_OUT, ScoredInteraction, State
from pipeline.core.shard import Shard

CATALOG: Final = load_catalog(Path(__file__).parents[3] / "schemas")
START: Final = 1_700_000_000_000
MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
KINDS: Final = (Arrived, Queued, Ended, Reopened)
NAMES: Final = ("call_center/regular/line", "branch/001/teller")

# (which interaction, which event, minutes since the one before, minutes that the partition stands still afterwards)
steps = st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(0, 150), st.sampled_from((0, 0, 0, 5, 1_000)))


class Source:
    """Folds events in offset order; a question is answered with: no earlier life."""

    def __init__(self) -> None:
        self.shard = Shard(CATALOG, 0)
        self.shard.output.writing = True

    def send(
        self, number: int, kind: type[InteractionEvent], time: int, *, synthetic: bool = False, name: str = ""
    ) -> None:
        name = name or NAMES[number % len(NAMES)]
        kind = Arrived if kind is Queued and name.startswith("branch") else kind
        fields = {"outcome": Outcome.COMPLETED} if kind is Ended else {}
        event = kind(interaction=str(number), touch_point=name, time=time, synthetic=synthetic, **fields)  # type: ignore[arg-type]  # of any kind
        offset = self.shard.position
        touch_point = CATALOG.resolve(name, time)
        record = Decoded(offset, time, time, str(number), str(offset), offset, event, touch_point)
        while True:
            try:
                return self.shard.fold(record, None)
            except LookupNeeded as needed:
                self.shard.answer(dict.fromkeys(needed.ids, False))

    def stand(self, minutes: int) -> None:
        self.shard.answer(dict.fromkeys(self.shard.questions(minutes * MINUTE), False))
        self.shard.write_due(minutes * MINUTE)


def open_ones(shard: Shard) -> list[tuple[str, Interaction]]:
    return [
        (held.touch_point.name, held)
        for held in shard.held.values()
        if held.lasts and held.idle_rank != RANK_TIMED_OUT and held.touch_point is not None
    ]


def looked_through(shard: Shard) -> Counter[str]:
    return Counter(name for name, _ in open_ones(shard))


def oldest_looked_for(shard: Shard) -> set[str]:
    first: dict[str, Interaction] = {}
    for name, held in open_ones(shard):
        if name not in first or held.first_offset < first[name].first_offset:
            first[name] = held
    return {held.id for held in first.values()}


def oldest(source: Source) -> list[tuple[str, int]]:
    return [(here.oldest.id, len(here.held)) for here in source.shard.output.still_open.places()]


def scores(source: Source) -> dict[str, float]:
    return {name: score for here in source.shard.output.still_open.places() for name, score in here.scores.items()}


@given(st.lists(steps, max_size=30))
def test_the_open_ones_are_those_that_a_look_through_all_finds(story: list[tuple[int, type, int, int]]) -> None:
    source, time = Source(), START
    for number, kind, minutes, stands in story:
        time += minutes * MINUTE
        source.send(number, kind, time)
        source.stand(stands)
        counted = {here.oldest.open_at: len(here.held) for here in source.shard.output.still_open.places()}
        assert counted == looked_through(source.shard)
        assert {name for name, _ in oldest(source)} == oldest_looked_for(source.shard)


@given(st.lists(steps, max_size=30))
def test_each_interaction_is_handed_over_for_counting_once_with_its_first_end(
    story: list[tuple[int, type, int, int]],
) -> None:
    source, time = Source(), START
    lives: Counter[tuple[str, int]] = Counter()
    ended: set[tuple[str, int]] = set()
    for number, kind, minutes, stands in story:
        time += minutes * MINUTE
        source.send(number, kind, time)
        source.stand(stands)
        rows, _ = source.shard.output.take()
        ended |= {(row.interaction, row.first_offset) for row in rows if row.state is not State.OPEN}
        lives.update((row.interaction, row.first_offset) for row in source.shard.output.take_ended())
    assert lives == Counter(ended)


def test_the_oldest_is_the_one_that_came_first() -> None:
    source = Source()
    for number in (0, 2, 4):
        source.send(number, Arrived, START + number * MINUTE)
    source.send(0, Ended, START + 5 * MINUTE)
    assert oldest(source) == [("2", 2)]


def test_one_that_is_open_again_is_the_oldest_again() -> None:
    source = Source()
    for number in (0, 2, 4):
        source.send(number, Arrived, START + number * MINUTE)
    source.send(0, Ended, START + 5 * MINUTE)
    source.send(0, Reopened, START + 6 * MINUTE)
    assert oldest(source) == [("0", 3)]


def test_of_several_that_are_open_again_the_one_that_came_first_is_the_oldest() -> None:
    source = Source()
    for number in (0, 2, 4, 6):
        source.send(number, Arrived, START + number * MINUTE)
    for kind in (Ended, Reopened):
        for number in (2, 4):
            source.send(number, kind, START + 10 * MINUTE)
    for number in (0, 2):
        source.send(number, Ended, START + 11 * MINUTE)
    assert oldest(source) == [("4", 2)]


def test_whoever_turns_out_to_be_elsewhere_is_counted_there_alone() -> None:
    source = Source()
    source.send(1, Served, START + MINUTE)
    source.send(3, Served, START + MINUTE)
    source.send(1, Arrived, START, name="branch/002/teller")
    source.send(1, Ended, START + 2 * MINUTE)
    places = source.shard.output.still_open.places()
    assert [(here.oldest.open_at, list(here.held)) for here in places] == [("branch/001/teller", ["3"])]
    source.send(3, Arrived, START, name="branch/002/teller")
    places = source.shard.output.still_open.places()
    assert [(here.oldest.open_at, list(here.held)) for here in places] == [("branch/002/teller", ["3"])]


@given(st.lists(steps, max_size=30))
def test_the_scores_are_those_of_the_newest_rows_of_the_open_ones(story: list[tuple[int, type, int, int]]) -> None:
    source, time = Source(), START
    newest: dict[str, ScoredInteraction] = {}
    for number, kind, minutes, stands in story:
        time += minutes * MINUTE
        source.send(number, kind, time)
        source.stand(stands)
        for row in source.shard.output.take()[0]:
            kept = newest.setdefault(row.interaction, row)
            if row.first_offset > kept.first_offset or row.version > kept.version:
                newest[row.interaction] = row
        still_here = {name for here in source.shard.output.still_open.places() for name in here.held}
        assert scores(source) == {
            name: row.score.score
            for name, row in newest.items()
            if name in still_here and row.state is State.OPEN and row.score.score is not None
        }


def test_a_score_stands_until_the_next_row_and_goes_with_the_end() -> None:
    source = Source()
    source.send(0, Arrived, START)
    source.send(0, Queued, START + MINUTE)
    source.stand(1)
    assert scores(source) == {}
    source.stand(5)
    first = scores(source)["0"]
    source.stand(60)
    assert 0 <= scores(source)["0"] < first
    source.shard.output.still_open.note_score(source.shard.held["0"], None)
    assert scores(source) == {}
    source.shard.output.still_open.note_score(source.shard.held["0"], 50.0)
    source.send(0, Ended, START + 61 * MINUTE)
    assert scores(source) == {}


def test_a_probe_is_not_counted_as_open_and_never_the_oldest() -> None:
    source = Source()
    source.send(0, Arrived, START, synthetic=True)
    source.send(2, Arrived, START + MINUTE)
    source.send(0, Queued, START + 2 * MINUTE, synthetic=True)
    source.send(4, Arrived, START + 3 * MINUTE, synthetic=True)
    assert oldest(source) == [("2", 1)]
    source.send(0, Ended, START + 4 * MINUTE, synthetic=True)
    source.send(2, Ended, START + 4 * MINUTE)
    source.send(0, Reopened, START + 5 * MINUTE, synthetic=True)
    assert oldest(source) == []


def test_what_ended_before_a_rebuild_is_not_counted_again_when_it_is_corrected() -> None:
    source = Source()
    source.shard.output.writing = False
    source.send(0, Arrived, START)
    source.send(0, Ended, START + MINUTE)
    source.send(2, Arrived, START + MINUTE)
    source.shard.go_live()
    source.send(0, Queued, START + 2 * MINUTE)
    source.send(2, Ended, START + 2 * MINUTE)
    source.stand(0)
    assert [row.interaction for row in source.shard.output.take()[0]] == ["0", "2"]
    assert [row.interaction for row in source.shard.output.take_ended()] == ["2"]


def test_a_rebuild_keeps_nothing_of_what_is_forgotten() -> None:
    source = Source()
    source.shard.output.writing = False
    for number in range(100):
        source.send(2 * number, Arrived, START + number * DAY)
    assert len(source.shard.held) == 1
    assert not [held for held in gc.get_objects() if isinstance(held, Interaction) and held.id == "0"]
