import pytest

from pipeline.errors import ConfigError
from pipeline.source.pace import Pace, parse_speed


class Waiting:
    """A clock that moves only while somebody waits, and a stop that comes at a given time."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        self.now = 100.0
        self.stop_at = stop_at

    def is_set(self) -> bool:
        return self.now >= self.stop_at

    def wait(self, timeout: float) -> bool:
        self.now += timeout
        return self.is_set()


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1x", 1.0), ("60x", 60.0), ("0.5x", 0.5)])
def test_speeds(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "60", "0x", "-1x", "x", "nanx", "1e3x"])
def test_a_speed_that_is_none_is_refused_with_the_valid_ones(text: str) -> None:
    with pytest.raises(ConfigError, match="valid: max, or times real time such as 1x"):
        parse_speed(text)


def test_events_are_due_at_their_distance_from_the_first_divided_by_the_speed() -> None:
    waiting = Waiting()
    pace = Pace(60.0, waiting, lambda: waiting.now)
    due = []
    for time_ms in (5_000_000, 5_000_000, 5_060_000, 5_600_000):
        pace.wait_for(time_ms)
        due.append(waiting.now - 100)
    assert due == pytest.approx([0, 0, 1, 10])


def test_at_full_speed_nothing_is_waited_for() -> None:
    waiting = Waiting()
    Pace(None, waiting, lambda: waiting.now).wait_for(10**12)
    assert waiting.now == 100


def test_a_stop_ends_the_waiting_within_a_second() -> None:
    waiting = Waiting(stop_at=105.5)
    pace = Pace(1.0, waiting, lambda: waiting.now)
    pace.wait_for(0)
    pace.wait_for(3_600_000)
    assert waiting.now == 106
