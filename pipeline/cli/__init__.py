"""The command line: one file per noun, no logic. Ctrl-C is one line already while the rest is being imported."""

import sys
from types import TracebackType


def _one_line_for_an_interrupt(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("touchpoint: interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _one_line_for_an_interrupt
