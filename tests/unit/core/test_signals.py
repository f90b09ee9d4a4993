"""Each signal of each channel by example: what happened, and what it must say."""

import pytest

from pipeline.core.events import Arrived, Event, OperationStatus, Outcome, Step, Uploaded
from pipeline.core.signal_names import find_signal
from tests.unit.core.story import at, operation, read

CALL = "arrived self_service_entered queued not_answered served held consulted transferred callback_requested step"
BRANCH = "arrived recalled served parked transferred step"
FORM = "step_viewed field_error submit_attempted submit_refused help_opened uploaded client_error"


def step(seconds: float, lasts: float, *, ok: bool = True) -> Step:
    return Step(interaction="i", touch_point="t", time=at(seconds), name="identify", seconds=lasts, ok=ok)


def upload(seconds: float, lasts: float) -> Uploaded:
    return Uploaded(interaction="i", touch_point="t", time=at(seconds), bytes=1, seconds=lasts)


def attempt(seconds: float, number: int) -> Arrived:
    return Arrived(interaction="i", touch_point="t", time=at(seconds), attempt=number)


@pytest.mark.parametrize(
    ("text", "signal", "seconds"),
    [
        ("0 arrived, 9 queued, 70 served, 300 ended", "wait_seconds", 61),
        ("0 arrived, 9 queued, 49 ended", "wait_seconds", 40),
        ("0 arrived, 9 queued, 9 served, 20 ended", "wait_seconds", 0),
        ("0 arrived, 5 queued, 20 self_service_entered, 60 self_service_left, 70 ended", "wait_seconds", 15),
        ("0 queued, 10 served, 50 transferred, 50 queued, 85 served, 100 ended", "wait_seconds", 45),
        ("0 queued, 30 queued, 70 served, 100 ended", "wait_seconds", 70),
        ("0 served, 30 queued, 70 ended", "wait_seconds", 40),
        ("0 queued, 10 held, 25 resumed, 40 served, 50 ended", "wait_seconds", 25),
        ("0 queued, 10 ended, 12 reopened, 30 served, 50 ended", "wait_seconds", 30),
        ("0 queued, 10 ended, 15 ended", "wait_seconds", 15),
        ("0.001 queued, 0.334 served, 1 ended", "wait_seconds", 0.333),
        ("0 arrived, 0 self_service_entered, 9 self_service_left, 9 queued, 20 ended", "self_service_seconds", 9),
        ("0 self_service_entered, 12 queued, 13 self_service_left, 20 ended", "self_service_seconds", 12),
        ("0 self_service_entered, 12 queued, 13 self_service_left, 20 ended", "wait_seconds", 8),
        ("0 self_service_entered, 30 ended", "self_service_seconds", 30),
        ("0 self_service_entered, 7 served, 30 ended", "self_service_seconds", 7),
        ("0 served, 10 held, 25 resumed, 60 held, 70 resumed, 90 ended", "hold_seconds", 25),
        ("0 served, 10 held, 20 held, 25 resumed, 90 ended", "hold_seconds", 15),
        ("0 served, 10 held, 90 ended", "hold_seconds", 80),
        ("0 served, 10 held, 30 transferred, 90 ended", "hold_seconds", 20),
        ("0 served, 10 held, 30 queued, 40 served, 90 ended", "hold_seconds", 20),
        ("0 served, 10 held, 10 resumed, 90 ended", "hold_seconds", 0),
        ("0 served, 10 held, 30 resumed, 90 ended", "service_seconds", 90),
        ("0 queued, 10 served, 50 queued, 60 served, 90 ended", "service_seconds", 80),
    ],
)
def test_seconds_of_a_call(text: str, signal: str, seconds: float) -> None:
    assert read(text).signals[signal] == seconds


@pytest.mark.parametrize(
    ("text", "signal", "seconds"),
    [
        ("0 arrived, 80 called, 95 served, 300 ended", "wait_seconds", 95),
        ("0 arrived, 80 called, 95 recalled, 120 no_show", "wait_seconds", 120),
        ("5 served, 6 arrived, 60 ended", "wait_seconds", 0),
        ("0 self_service_entered, 9 self_service_left, 10 arrived, 30 served, 60 ended", "wait_seconds", 20),
        ("0 arrived, 20 served, 40 arrived, 60 ended", "wait_seconds", 20),
        ("0 arrived, 30 parked, 50 resumed, 60 served, 70 ended", "wait_seconds", 40),
        ("0 arrived, 30 served, 50 parked, 110 resumed, 170 ended", "parked_seconds", 60),
        ("0 arrived, 30 served, 50 parked, 110 served, 170 ended", "parked_seconds", 60),
        ("0 arrived, 30 served, 50 parked, 60 held, 75 resumed, 90 ended", "parked_seconds", 10),
        ("0 arrived, 30 served, 50 parked, 60 held, 75 resumed, 90 ended", "hold_seconds", 15),
        ("0 arrived, 30 served, 170 ended", "service_seconds", 140),
    ],
)
def test_seconds_of_a_branch_visit(text: str, signal: str, seconds: float) -> None:
    assert read(text, waits_from="arrived").signals[signal] == seconds


def test_a_form_counts_its_time_and_nobody_waits() -> None:
    passage = read("0 arrived, 5 step_viewed, 7 queued, 200 ended", waits_from="")

    assert passage.signals == {"form_seconds": 200}
    assert not passage.queued


@pytest.mark.parametrize(
    ("kind", "signal"),
    [
        ("transferred", "transfers"),
        ("consulted", "consults"),
        ("not_answered", "unanswered_offers"),
        ("recalled", "recalls"),
        ("callback_requested", "callbacks_requested"),
        ("field_error", "field_errors"),
        ("submit_refused", "submit_refusals"),
        ("submit_attempted", "submit_attempts"),
        ("help_opened", "help_opens"),
        ("client_error", "client_errors"),
    ],
)
def test_each_event_counts_once_and_none_is_zero_only_if_the_source_sends_them(kind: str, signal: str) -> None:
    assert read(f"0 arrived, 1 {kind}, 2 {kind}, 3 ended").signals[signal] == 2
    assert read("0 arrived, 3 ended", emits=kind).signals[signal] == 0
    assert signal not in read("0 arrived, 3 ended", emits=f"{CALL} {BRANCH} {FORM}".replace(kind, "")).signals


@pytest.mark.parametrize(
    ("kind", "signal"),
    [
        ("held", "hold_seconds"),
        ("parked", "parked_seconds"),
        ("self_service_entered", "self_service_seconds"),
        ("served", "service_seconds"),
        ("step", "step_seconds"),
        ("step", "failed_steps"),
        ("uploaded", "upload_seconds"),
    ],
)
def test_no_time_spent_is_zero_only_if_the_source_would_say_so(kind: str, signal: str) -> None:
    assert read("0 arrived, 3 ended", emits=kind).signals[signal] == 0
    assert signal not in read("0 arrived, 3 ended").signals


def test_steps_and_uploads_add_up() -> None:
    signals = read(
        "0 arrived, 99 ended", step(9, 4.5), step(20, 0.25, ok=False), step(30, 1), upload(30, 1.5), upload(40, 2.01)
    ).signals

    assert signals["step_seconds"] == 5.75
    assert signals["failed_steps"] == 1
    assert signals["upload_seconds"] == 3.51


def test_attempt_is_what_the_latest_event_says_and_an_operations_attempt_is_its_own() -> None:
    assert read("9 ended", attempt(0, 2), attempt(1, 3), operation(2, "identity", 1)).signals["attempt"] == 3
    assert "attempt" not in read("0 arrived, 9 ended", operation(2, "identity", 1), emits=CALL).signals


@pytest.mark.parametrize(
    ("text", "emits", "waits_from", "wait"),
    [
        ("0 arrived, 9 served, 20 ended", "queued", "queued", 0),
        ("0 arrived, 9 served, 20 ended", "arrived served", "queued", None),
        ("0 arrived, 9 ended", "queued served", "queued", None),
        ("9 served, 20 ended", "arrived queued served", "arrived", None),
        ("9 served, 20 ended", "arrived queued served", "", None),
        ("0 arrived, 9 served, 20 ended", "arrived queued served", "", None),
    ],
)
def test_a_wait_nobody_reported_is_zero_only_for_the_served(
    text: str, emits: str, waits_from: str, wait: float | None
) -> None:
    passage = read(text, emits=emits, waits_from=waits_from)

    assert passage.signals.get("wait_seconds") == wait
    assert not passage.queued


def test_operations_give_seconds_failures_and_their_share_of_service_time() -> None:
    passage = read(
        "0 arrived, 10 queued, 60 served, 100 ended, 400 wrapped_up",
        operation(55, "identity", 9),
        operation(70, "identity", 2.5, OperationStatus.TIMED_OUT),
        operation(98, "archive", 30),
        operation(5, "menu", 1),
    )

    assert passage.operations == {"identity", "archive", "menu"}
    assert passage.system_seconds == {"identity": 6.5, "archive": 2}
    assert passage.signals["operation_seconds.identity"] == 11.5
    assert passage.signals["operation_failures.identity"] == 1
    assert passage.signals["operation_seconds.archive"] == 30
    assert passage.signals["operation_failures.menu"] == 0


def test_systems_share_no_service_time_when_nobody_was_served() -> None:
    passage = read("0 arrived, 10 queued, 60 ended", operation(20, "identity", 9))

    assert passage.system_seconds == {}
    assert passage.signals["operation_seconds.identity"] == 9


def test_operations_and_paperwork_never_lengthen_customer_time() -> None:
    passage = read("-60 wrapped_up, 0 arrived, 10 served, 50 ended, 400 wrapped_up", operation(-30, "identity", 999))

    assert (passage.started_at, passage.served_at, passage.ended_at) == (at(0), at(10), at(50))
    assert passage.signals["service_seconds"] == 40


def test_a_customer_still_waiting_is_read_as_of_now() -> None:
    passage = read("0 arrived, 10 queued, 150 served, 160 transferred", as_of=130, emits=CALL)

    assert passage.signals["wait_seconds"] == 120
    assert passage.signals["transfers"] == 0
    assert (passage.queued, passage.served, passage.served_at) == (True, False, None)
    assert (passage.ended_at, passage.outcome) == (None, None)


@pytest.mark.parametrize(
    ("text", "waits_from", "unknown", "known"),
    [
        ("0 arrived, 9 queued, 70 not_answered", "queued", "wait_seconds", {"unanswered_offers": 1}),
        ("0 queued, 30 served, 50 transferred, 50 queued", "queued", "wait_seconds", {"transfers": 1}),
        ("0 self_service_entered", "queued", "self_service_seconds", {}),
        ("0 queued, 30 served, 50 held, 60 resumed, 90 held", "queued", "hold_seconds", {"wait_seconds": 30}),
        ("0 arrived, 600 served, 700 parked", "arrived", "parked_seconds", {"wait_seconds": 600}),
        ("0 arrived, 50 field_error", "", "form_seconds", {"field_errors": 1}),
        ("0 queued, 30 served, 90 transferred", "queued", "service_seconds", {"wait_seconds": 30}),
    ],
)
def test_how_long_something_lasted_that_still_ran_at_a_time_out_is_unknown(
    text: str, waits_from: str, unknown: str, known: dict[str, float]
) -> None:
    ended = read(text, waits_from=waits_from, emits=CALL)
    timed_out = read(text, waits_from=waits_from, emits=CALL, outcome=Outcome.TIMED_OUT)

    assert unknown in ended.signals
    assert unknown not in timed_out.signals
    assert timed_out.queued == ended.queued
    assert known.items() <= timed_out.signals.items()


def test_what_comes_after_the_end_counts_but_takes_no_time() -> None:
    passage = read("0 queued, 30 ended, 40 served, 45 held, 60 transferred")

    assert passage.signals == {"wait_seconds": 30, "service_seconds": 0, "hold_seconds": 0, "transfers": 1}
    assert passage.served_at == passage.ended_at == at(30)


def test_outcome_and_times_pass_through() -> None:
    passage = read("0 arrived, 9 queued, 70 served, 75 served, 300 ended")

    assert passage.outcome is Outcome.COMPLETED
    assert (passage.started_at, passage.served_at, passage.ended_at) == (at(0), at(70), at(300))
    assert (passage.queued, passage.served) == (True, True)


def test_every_signal_that_events_give_is_one_a_model_may_name() -> None:
    everything: list[Event] = [step(1, 1), upload(1, 1), attempt(0, 1), operation(1, "identity", 1)]
    signals = read("9 ended", *everything, emits=f"{CALL} {BRANCH} {FORM}").signals.keys()

    assert not [name for name in signals if find_signal(name) is None]
