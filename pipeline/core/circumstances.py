"""What the conditions say of one passage, and what its model asks of them and nobody reported.

Owns which kind becomes which signal; must not know how values are kept (`conditions.py`). Times in epoch milliseconds.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pipeline.core.catalog import TouchPoint

if TYPE_CHECKING:
    from pipeline.core.conditions import Samples

AT_ARRIVAL: Final = frozenset({"line_length", "counters_open"})
SIGNAL_OF: Final = {
    "line_length": "line_length_at_arrival",
    "counters_open": "counters_open_at_arrival",
    "comfort": "comfort_while_waiting",
    "refreshments": "refreshments_while_waiting",
}
PLACE_SIGNALS: Final = frozenset(SIGNAL_OF.values())
LATENCY: Final = "latency_seconds"
NEVER: Final = "never"
STALE: Final = "stale"

Missing = tuple[str, str, str]  # signal, kind, and why: NEVER if nobody reported it before, STALE if nobody in time

NONE_MISSING: Final[frozenset[Missing]] = frozenset()


class Circumstances(Struct, frozen=True, gc=False):
    """What the conditions say of one passage: signals, what was active while it lasted, and the number of records.

    `missing`: of the signals that its model reads from conditions those that nobody reported, whether or not they apply
    to this passage.
    """

    signals: dict[str, float]
    active: tuple[str, ...]
    records: int
    missing: frozenset[Missing]


NONE_REPORTED: Final = Circumstances({}, (), 0, NONE_MISSING)


class Watched(Struct, frozen=True, gc=False):
    """The samples that concern one touch-point under one model.

    `all`: each with its label, in order. `place`: (kind's name, samples) of the touch-point and the places above it,
    nearest first. `systems`: (signal, samples) of each system's latency, as reported here before everywhere. `reads`:
    the signals from conditions that the model reads; `unreported` those of the place that were reported at none.
    """

    all: tuple[tuple[str, "Samples"], ...]
    place: tuple[tuple[str, "Samples"], ...]
    systems: tuple[tuple[str, tuple["Samples", ...]], ...]
    reads: frozenset[str]
    unreported: frozenset[Missing]


def latency_signal(system: str) -> str:
    """The signal of how long a system took."""
    return f"system_latency_seconds.{system}"


def read_from_conditions(touch_point: TouchPoint) -> frozenset[str]:
    """The signals from conditions that the model of a touch-point reads; of systems, those that it depends on."""
    latencies = PLACE_SIGNALS.union(map(latency_signal, touch_point.systems))
    return touch_point.model.signals & latencies


def read_place(watched: Watched, started_at: int, wait_end: int, signals: dict[str, float]) -> frozenset[Missing]:
    """Line and counters at arrival, comfort and refreshments while waiting; the nearest subject that has them."""
    missing = watched.unreported
    for name, samples in watched.place:
        signal = SIGNAL_OF[name]
        value: float | None
        if name in AT_ARRIVAL:
            value, cause = samples.as_of(started_at)
        elif (value := samples.mean(started_at, wait_end)) is None:
            cause = samples.as_of(wait_end)[1]
        if value is not None:
            signals.setdefault(signal, value)
        elif signal in watched.reads:
            missing |= {(signal, name, cause or STALE)}
    return missing if missing is watched.unreported else _nowhere(missing, signals)


def _nowhere(missing: frozenset[Missing], signals: dict[str, float]) -> frozenset[Missing]:
    """Each signal once that no place has, neither the touch-point nor one above it."""
    stale = {signal for signal, _, cause in missing if cause == STALE}
    return frozenset(
        (signal, kind, cause)
        for signal, kind, cause in missing
        if signal not in signals and (cause == STALE or signal not in stale)
    )


def read_systems(watched: Watched, served_at: int, end: int, signals: dict[str, float]) -> frozenset[Missing]:
    """How long each system took while it served, as reported here or else everywhere."""
    missing = NONE_MISSING
    for signal, reported in watched.systems:
        for samples in reported:
            value = samples.mean(served_at, end)
            if value is not None:
                signals[signal] = value
                break
        else:
            if signal in watched.reads:
                known_before = any(samples.as_of(end)[1] != NEVER for samples in reported)
                missing |= {(signal, LATENCY, STALE if known_before else NEVER)}
    return missing
