"""What we change of Faust's process is still there to be changed."""

import inspect
from typing import Final

import faust

from pipeline.stream.faust_app import Process

PAUSE: Final = "_sentinel_task"


def test_the_pause_that_we_leave_out_is_still_the_librarys() -> None:
    assert "sleep" in inspect.getsource(getattr(faust.Worker, PAUSE))
    assert PAUSE in vars(Process)
