"""The time of a shutdown, shared by all of its steps, so that no hanging service makes it longer."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Final

# Shares of what is left: to finish what is in hand, and for each that is left then.
FINISHING: Final = 0.7
LEAVING: Final = 0.3


class Budget:
    """Runs from `begin`; each step takes a share of what the steps before it have left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def begin(self) -> None:
        """The shutdown begins; only the first call counts."""
        self._end = self._end or time.monotonic() + self._seconds

    def share(self, part: float) -> float:
        """Seconds that a step may take which may have `part` of what is left."""
        left = self._seconds if self._end is None else self._end - time.monotonic()
        return part * max(left, 0.0)

    async def within(self, part: float, step: Awaitable[None]) -> bool:
        """Wait for a step no longer than its share; False if it was cut off."""
        try:
            async with asyncio.timeout(self.share(part)):
                await step
        except TimeoutError:
            return False
        return True
