"""Whether the process is alive, and ready to serve. Told by the loop, asked from another thread."""

import time
from collections.abc import Callable, Sequence
from typing import Final

STARTING: Final = "starting"


class Health:
    """What keeps the process from being alive or ready, in words; nothing means all is well.

    `still_seconds` says since when the watchdog has seen no progress although there is work; the process counts as
    stuck after `stall_seconds` of that, or of silence from its loop.
    """

    def __init__(self, stall_seconds: float, still_seconds: Callable[[], float]) -> None:
        self._stall_seconds = stall_seconds
        self._still_seconds = still_seconds
        self._beat = time.monotonic()
        self._unready: tuple[str, ...] = (STARTING,)

    def beat(self, unready: Sequence[str]) -> None:
        """The loop moves; this is what keeps it from being ready."""
        self._beat = time.monotonic()
        self._unready = tuple(unready)

    def not_alive(self) -> list[str]:
        """Why the process should be restarted."""
        reasons = []
        if (silent := time.monotonic() - self._beat) > self._stall_seconds:
            reasons.append(f"the loop has been silent for {silent:.0f} s")
        if (still := self._still_seconds()) > self._stall_seconds:
            reasons.append(f"there is work, and nothing has moved for {still:.0f} s")
        return reasons

    def not_ready(self) -> list[str]:
        """Why nobody should count on the process now."""
        return [*self.not_alive(), *self._unready]
