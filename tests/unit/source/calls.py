"""A small invented table of calls and its mapping, for tests to change."""

from pathlib import Path

from pipeline.source.mapping_file import MappingFile, read_mapping
from pipeline.source.recording import Recording, read_recording

MAPPING = """\
mapping: 1
source: test/calls
channel: call_center
each_row: interaction
interaction: "{line}-{day}-{number}"
touch_point: "call_center/{team}/line"
time_zone: Europe/Berlin
table: {delimiter: comma}
skip:
  test_call: {result: TEST}
values:
  team: {column: kind, table: {A: retail, B: business}}
  customer: {column: customer, missing: ["", "0"]}
  outcome: {column: result, table: {DONE: completed, LEFT: abandoned}}
date: {column: day, format: "%y%m%d"}
times:
  came: {column: came, not_after: [queued]}
  queued: {column: queued, missing: ["0:00:00"], missing_with: answered}
  answered: {column: answered, missing: ["0:00:00"], missing_with: queued, only_when: {result: DONE}}
  over: {column: over, filled_by: [answered], missing: [""], not_before: [answered]}
events:
  arrived: {at: came, fields: {customer: "{customer}"}}
  queued: {at: queued}
  served: {at: answered}
  ended: {at: over, fields: {outcome: "{outcome}"}}
"""
HEADER = "line,number,day,kind,customer,came,queued,answered,over,result"
ROW = "L1,1,990201,A,77,9:00:00,9:00:10,9:01:00,9:05:00,DONE"


def write_mapping(folder: Path, text: str = MAPPING) -> Path:
    path = folder / "calls.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mapping(folder: Path, text: str = MAPPING) -> MappingFile:
    return read_mapping(write_mapping(folder, text))


def write_table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "calls.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def recording(folder: Path, *rows: str, text: str = MAPPING) -> Recording:
    return read_recording(write_table(folder, *rows), mapping(folder, text))


def times(found: Recording) -> dict[str, int]:
    return {timed.event.kind: timed.time for timed in found.events()}
