"""docs/field-mapping.md maps each field and each event of the contract, no more and no less."""

import re
from pathlib import Path

import pytest

from pipeline.core.events import CHANNEL_TYPES, TYPES, InteractionEvent

PAGE = (Path(__file__).parents[2] / "docs" / "field-mapping.md").read_text(encoding="utf-8")
COMMON = InteractionEvent.__struct_fields__


def tables(channel: str) -> list[list[list[str]]]:
    """The names in the first cell of each row, table by table, under a channel's heading."""
    section = re.split(rf"^## {channel}: .*$", PAGE, flags=re.MULTILINE)[1].partition("\n## ")[0]
    parts = re.findall(r"^\|(?:.*\n\|)+.*$", section, re.MULTILINE)
    return [[re.findall(r"`(\w+)`", row.split(" | ")[0]) for row in part.splitlines()[2:]] for part in parts]


@pytest.mark.parametrize("channel", list(CHANNEL_TYPES))
def test_every_field_that_all_events_have_is_mapped(channel: str) -> None:
    fields, _ = tables(channel)
    assert [name for [name] in fields] == list(COMMON)


@pytest.mark.parametrize("channel", list(CHANNEL_TYPES))
def test_every_event_of_a_channel_is_mapped_with_its_own_fields(channel: str) -> None:
    _, events = tables(channel)
    listed = {kind: set(own) for kind, *own in events}
    assert listed == {
        kind: {name for name in TYPES[kind].__struct_encode_fields__ if name not in COMMON}
        for kind in CHANNEL_TYPES[channel]
    }
