import pytest

from pipeline.telemetry.health import STARTING, Health


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("pipeline.telemetry.health.time.monotonic", lambda: now[0])
    return now


def test_a_process_is_alive_and_not_ready_until_its_loop_says_so(time: list[float]) -> None:
    health = Health(120, lambda: 0.0)
    assert (health.not_alive(), health.not_ready()) == ([], [STARTING])
    time[0] += 1
    health.beat([])
    assert health.not_ready() == []


def test_a_reason_against_being_ready_does_not_call_for_a_restart(time: list[float]) -> None:
    health = Health(120, lambda: 0.0)
    health.beat(["ClickHouse does not answer"])
    time[0] += 100
    assert (health.not_alive(), health.not_ready()) == ([], ["ClickHouse does not answer"])


def test_a_silent_loop_is_neither_alive_nor_ready(time: list[float]) -> None:
    health = Health(120, lambda: 0.0)
    health.beat([])
    time[0] += 121
    assert health.not_alive() == health.not_ready() == ["the loop has been silent for 121 s"]


def test_work_without_progress_is_not_alive_as_the_watchdog_sees_it(time: list[float]) -> None:
    still = [119.0]
    health = Health(120, lambda: still[0])
    health.beat([])
    assert health.not_alive() == []
    still[0] = 121.0
    time[0] += 1
    assert health.not_alive() == ["there is work, and nothing has moved for 121 s"]
