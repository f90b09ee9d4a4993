"""The times of a row together: put on their day, turned into epoch milliseconds, repaired, every repair counted.

A repair is counted under its place in the mapping, such as `ser_start.not_before.q_exit`; the rules that always hold
are `NAME.next_day`, `NAME.skipped_hour` and `NAME.repeated_hour`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from pipeline.source.clock import TimeReader, day_reader
from pipeline.source.mapping import Mapping
from pipeline.source.template import Predicate, Row
from pipeline.source.zone import DAY_MS, Zone

# A clock that lies further than this behind the one before it in the row belongs to the next day.
NEXT_DAY_AFTER_MS: Final = DAY_MS // 2

Times = list[int | None]
# Another time by position, and what is counted when it takes effect.
Reference = tuple[int, str]


class _Rules(NamedTuple):
    """The repairs of one time."""

    own: int
    applies: Predicate | None
    filled_by: list[Reference]
    not_before: list[Reference]
    not_after: list[Reference]


class RowTimes:
    """The times that a mapping names, in its order; `repaired` counts what the rules changed."""

    def __init__(self, mapping: Mapping, columns: Sequence[str]) -> None:
        """`columns` of the table hold every column that the mapping names."""
        self.names = tuple(mapping.times)
        self.repaired: Counter[str] = Counter()
        self._zone = Zone(mapping.time_zone)
        day = day_reader(mapping.date, columns) if mapping.date else None
        self._readers = [TimeReader(name, mapping, columns, day, self.repaired) for name in self.names]
        self._rules = [rules for name in self.names if any((rules := self._bind(mapping, name))[2:])]

    def read(self, row: Row) -> Times:
        """Epoch milliseconds of each time, None where there is none. Raises BadRowError."""
        times = self._placed(row)
        for rules in self._rules:
            if rules.applies is None or rules.applies(row):
                times[rules.own] = self._repair(times, rules)
        return times

    def _bind(self, mapping: Mapping, name: str) -> _Rules:
        time = mapping.times[name]

        def references(rule: str, others: Sequence[str]) -> list[Reference]:
            return [(self.names.index(other), f"{name}.{rule}.{other}") for other in others]

        own = self.names.index(name)
        return _Rules(
            own,
            self._readers[own].applies,
            references("filled_by", time.filled_by),
            references("not_before", time.not_before),
            references("not_after", time.not_after),
        )

    def _placed(self, row: Row) -> Times:
        """The times before any repair: clocks on their day, wall clocks through their zone."""
        times: Times = []
        former_local: int | None = None
        former: int | None = None
        for name, reader in zip(self.names, self._readers, strict=True):
            parsed = reader.read(row)
            if parsed is None:
                times.append(None)
                continue
            time, is_local = parsed
            if is_local:
                if reader.is_clock:
                    time = self._on_its_day(name, time, former_local)
                former_local = time
                time, found = self._zone.epoch_ms(time, former)
                if found is not None:
                    self.repaired[f"{name}.{found}"] += 1
            former = time
            times.append(time)
        return times

    def _on_its_day(self, name: str, local: int, former: int | None) -> int:
        if former is None or local >= former - NEXT_DAY_AFTER_MS:
            return local
        if local // DAY_MS == former // DAY_MS:
            self.repaired[f"{name}.next_day"] += 1
        return local + DAY_MS

    def _repair(self, times: Times, rules: _Rules) -> int | None:
        time = times[rules.own]
        if time is None:
            for other, label in rules.filled_by:
                time = times[other]
                if time is not None:
                    self.repaired[label] += 1
                    break
        if time is None:
            return None
        time = self._moved(times, time, rules.not_before, 1)
        return self._moved(times, time, rules.not_after, -1)

    def _moved(self, times: Times, time: int, references: list[Reference], sign: int) -> int:
        """The time moved to the furthest of the references it must not be before (1) or after (-1)."""
        moved, counted = time, None
        for other, label in references:
            bound = times[other]
            if bound is not None and sign * (bound - time) > 0 and sign * (bound - moved) >= 0:
                moved, counted = bound, label
        if counted is not None:
            self.repaired[counted] += 1
        return moved
