import inspect
import re

import pytest

from pipeline import errors
from pipeline.errors import ClickHouseUnavailableError, KafkaUnavailableError, TouchpointError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, TouchpointError)]
DRAWN = re.compile(r"^((?:[│ ] {3})*(?:[├└]── )?)(\w+Error)\s+(\d+)(\s+retryable)?$", re.MULTILINE)


def drawn_tree() -> dict[str, tuple[str, int, bool]]:
    """Name to (parent, exit code, retryable) as the module's docstring draws it."""
    path: list[str] = []
    tree = {}
    for indent, name, code, retryable in DRAWN.findall(errors.__doc__ or ""):
        depth = len(indent) // 4
        path[depth:] = [name]
        tree[name] = (path[depth - 1] if depth else "Exception", int(code), bool(retryable))
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    actual = {kind.__name__: (kind.__mro__[1].__name__, int(kind.exit_code), kind.retryable) for kind in CLASSES}
    assert drawn_tree() == actual


def test_only_services_that_may_come_back_are_retryable() -> None:
    assert {kind for kind in CLASSES if kind.retryable} == {KafkaUnavailableError, ClickHouseUnavailableError}


@pytest.mark.parametrize("kind", CLASSES)
def test_the_message_is_what_was_said(kind: type[TouchpointError]) -> None:
    assert str(kind("table interactions is missing: run `touchpoint migrate`")).startswith("table interactions")
