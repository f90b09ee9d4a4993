"""Freezes and kills the parts of a stack, by process id, and starts them again."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from pipeline.embedded.stack import Stack
from tests.integration.conftest import RunningStack


def process_id(stack: RunningStack, service: str) -> int:
    """Of `kafka` or `clickhouse`."""
    return int(json.loads((stack.state_dir / "stack.json").read_bytes())[service]["pid"])


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """SIGSTOP meanwhile; SIGCONT at the end, whatever happens."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def killed(stack: RunningStack, service: str) -> Iterator[None]:
    """SIGKILL, and start it again on its port at the end."""
    process = psutil.Process(process_id(stack, service))
    process.kill()
    process.wait(60)
    try:
        yield
    finally:
        Stack(stack.state_dir).up({}, print)
