"""Lines: customers wait because everybody is busy, as queueing theory says, and longer when service takes longer."""

import math
import random
from dataclasses import dataclass

import pytest

from pipeline.core.events import Arrived, Ended, NoShow, Queued, Served
from pipeline.source.simulator.line import Line, Turn
from pipeline.source.simulator.staffing import Post, Shift
from pipeline.source.simulator.truth import utilisation
from tests.unit.source.simulator.days import at, day, events

TELLERS = ("branch/001/teller", "branch/002/teller", "branch/003/teller")
CALLS = ("call_center/retail/line", "call_center/claims/line")
FOREVER = 1 << 60


@dataclass
class Somebody:
    comes: int
    service: int
    patience: int = FOREVER
    notices: bool = True
    waited: int | None = None


class Hall:
    """The plainest channel: service takes what the customer brings along."""

    def __init__(self, closing: int) -> None:
        self.closing = closing
        self.taken: list[Somebody] = []

    def patience_ends(self, customer: Somebody) -> int:
        return customer.comes + customer.patience

    def joined(self, customer: Somebody, time: int, ahead: int, manned: int) -> None:
        """Nothing to do."""

    def take(self, customer: Somebody, post: Post, time: int) -> Turn:
        assert post.is_manned(time) or time >= self.closing
        self.taken.append(customer)
        customer.waited = time - customer.comes
        return Turn(time + customer.service)

    def gave_up(self, customer: Somebody, time: int) -> bool:
        assert time == customer.comes + customer.patience
        return customer.notices


def run(customers: list[Somebody], posts: list[Post], closing: int = FOREVER) -> tuple[Line[Somebody], Hall]:
    hall = Hall(closing)
    line = Line(hall, posts, closing)
    line.run([(customer.comes, customer) for customer in customers])
    return line, hall


def open_posts(count: int, end: int = FOREVER) -> list[Post]:
    return [Post(str(number), (Shift(0, end, "s"),)) for number in range(count)]


def erlang_c_wait(arrivals_per_ms: float, service_ms: float, posts: int) -> float:
    """Mean wait in M/M/c (Erlang 1917)."""
    load = arrivals_per_ms * service_ms
    rest = load**posts / math.factorial(posts) * posts / (posts - load)
    waits = rest / (sum(load**n / math.factorial(n) for n in range(posts)) + rest)
    return waits * service_ms / (posts - load)


def test_first_come_first_served_by_whoever_is_free() -> None:
    customers = [Somebody(0, 100), Somebody(1, 10), Somebody(2, 10), Somebody(3, 10)]
    line, hall = run(customers, open_posts(2))
    assert [customer.waited for customer in customers] == [0, 0, 9, 18]
    assert hall.taken == customers
    assert max(length for _, length in line.lengths) == 2


def test_whoever_loses_patience_is_never_served() -> None:
    customers = [Somebody(0, 100), Somebody(1, 10, patience=50), Somebody(2, 10)]
    run(customers, open_posts(1))
    assert [customer.waited for customer in customers] == [0, None, 98]


def test_a_place_left_unnoticed_is_still_called_but_no_longer_counted() -> None:
    customers = [Somebody(0, 100), Somebody(1, 10, patience=50, notices=False)]
    line, hall = run(customers, open_posts(1))
    assert hall.taken == customers
    assert (51, 0) in line.lengths


def test_nobody_is_taken_outside_the_shifts_but_after_closing_the_line_is_served_to_its_end() -> None:
    early, late = Somebody(0, 10), Somebody(150, 60)
    last = Somebody(160, 10)
    run([early, late, last], [Post("1", (Shift(100, 200, "s"),))], closing=200)
    assert [early.waited, late.waited, last.waited] == [100, 0, 50]


def test_a_post_without_the_last_shift_does_not_stay_after_closing() -> None:
    customers = [Somebody(0, 500), Somebody(1, 10)]
    run(customers, [Post("1", (Shift(0, 200, "s"),)), Post("2", (Shift(0, 1, "s"),))], closing=200)
    assert customers[1].waited == 499


@pytest.mark.parametrize(("posts", "load"), [(1, 0.6), (4, 0.8), (10, 0.75)])
def test_mean_waits_are_those_of_queueing_theory(posts: int, load: float) -> None:
    chance = random.Random(5)
    service, gap = 1_000_000.0, 1_000_000.0 / (posts * load)
    time, customers = 0.0, []
    for _ in range(15_000):
        time += chance.expovariate(1 / gap)
        customers.append(Somebody(int(time), int(chance.expovariate(1 / service))))
    run(customers, open_posts(posts))
    mean = sum(customer.waited or 0 for customer in customers) / len(customers)
    assert mean == pytest.approx(erlang_c_wait(1 / gap, service, posts), rel=0.15)


@pytest.mark.parametrize("touch_point", TELLERS + CALLS)
def test_on_a_quiet_day_there_is_more_service_than_work_and_waits_are_short(touch_point: str) -> None:
    found = day("quiet_day")
    place = next(place for place in found.places if place.touch_point == touch_point)
    busy_hours = utilisation(place.posts, at("10:00"), at("12:00"))
    assert busy_hours is not None
    assert 0.5 < busy_hours < 0.9
    truth = found.truth.touch_points[touch_point]
    assert (truth.mean_wait_seconds or 0) < (60 if touch_point in TELLERS else 15)
    assert truth.left < 0.03 * truth.arrived


@pytest.mark.parametrize("touch_point", TELLERS + CALLS)
def test_a_slow_system_at_least_doubles_the_waits_while_it_is_slow(touch_point: str) -> None:
    waits = [
        [
            ending.waited
            for place in day(scenario).places
            if place.touch_point == touch_point
            for ending in place.endings
            if ending.waited is not None and at("10:50") <= ending.arrived < at("11:25")
        ]
        for scenario in ("quiet_day", "identity_slow")
    ]
    quiet, slow = (sum(each) / len(each) for each in waits)
    assert slow > 2 * quiet


@pytest.mark.parametrize("touch_point", TELLERS + CALLS)
def test_busy_quarters_finish_twenty_or_more(touch_point: str) -> None:
    finished = [
        window.finished
        for window in day("quiet_day").truth.touch_points[touch_point].windows
        if at("10:00") <= window.start < at("16:00")
    ]
    assert sum(count >= 20 for count in finished) >= 0.8 * len(finished)


def test_waits_in_the_truth_are_those_of_the_events() -> None:
    found = day("quiet_day")
    waits: dict[str, list[float]] = {name: [] for name in TELLERS + CALLS}
    for own in events(found).values():
        first = own[0]
        assert isinstance(first, Arrived)
        moments = {type(event): event.time for event in own if isinstance(event, Arrived | Queued | Served | Ended)}
        since = moments.get(Queued) if first.touch_point in CALLS else moments[Arrived]
        until = moments.get(Served, moments.get(Ended))
        if isinstance(since, int) and isinstance(until, int) and not any(isinstance(event, NoShow) for event in own):
            waits.get(first.touch_point, []).append((until - since) / 1000)
    for name, seconds in waits.items():
        assert found.truth.touch_points[name].mean_wait_seconds == pytest.approx(sum(seconds) / len(seconds), abs=0.01)
