"""The published files are what the types say, and hold what they promise."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # comes without stubs
from ruamel.yaml import YAML

from pipeline.contract.files import contract_files, write
from pipeline.contract.json_schema import schemas
from pipeline.core.events import CHANNEL_TYPES, OPERATION_TYPE, TYPES, Operation, RejectReason, type_name
from pipeline.core.record import Rejection
from pipeline.core.side_events import SIDE_EVENTS, SideEvent
from pipeline.sink.rows import LogPartition
from pipeline.stream.rejects import reject_message, reject_row, shortened
from tests.contract.records import KINDS, PAIRS, encoded, kafka_record

FOLDER = Path(__file__).parents[2] / "schemas"
SCHEMAS = schemas()
VALUES: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 0, 5, 0.5, 1e16, 10**16, "", "ok", "warm", "x" * 150, "x" * 201, [], {}]
)


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load((FOLDER / "asyncapi.yaml").read_text())
    return loaded


def references(node: object) -> list[str]:
    if isinstance(node, list):
        return [found for each in node for found in references(each)]
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [found for each in node.values() for found in references(each)]
    return []


def resolve(document: dict[str, Any], reference: str) -> Any:  # noqa: ANN401  # any JSON
    path, _, pointer = reference.partition("#")
    node: Any = orjson.loads((FOLDER / path).read_bytes()) if path else document
    for name in pointer.split("/")[1:]:
        node = node[name]
    return node


def test_published_files_are_those_generated_from_the_types() -> None:
    published = {"asyncapi.yaml": (FOLDER / "asyncapi.yaml").read_text()}
    published |= {f"events/{path.name}": path.read_text() for path in FOLDER.glob("events/*")}

    assert published == contract_files(), "run `make schemas`"


def test_generating_removes_schemas_of_kinds_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "gone.json").touch()

    write(tmp_path)

    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(contract_files())


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_schema_is_valid_described_and_fits_its_example(kind: str) -> None:
    schema = SCHEMAS[kind]

    Draft7Validator.check_schema(schema)
    assert schema["title"]
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []
    assert [list(Draft7Validator(schema).iter_errors(example)) for example in schema["examples"]] == [[]]


def test_fields_of_time_and_size_name_their_unit() -> None:
    units = {"seconds": "seconds", "estimated_wait": "seconds", "bytes": "bytes", "valid_for": "Seconds"}
    fields = {
        (name, field["description"])
        for schema in SCHEMAS.values()
        for name, field in schema["properties"].items()
        if name in units
    }

    assert {name for name, _ in fields} == set(units)
    assert [name for name, description in fields if units[name] not in description] == []


@given(st.sampled_from(KINDS), st.data())
def test_schema_and_decoder_agree_on_what_is_valid(kind: str, data: st.DataObject) -> None:
    schema = SCHEMAS[kind]
    fields = orjson.loads(encoded(kind)[1])
    name = data.draw(st.sampled_from(sorted(schema["properties"])))
    value = data.draw(VALUES)
    changed = {**fields, name: value}
    if name == "time" and isinstance(value, str):
        return  # whether a text is a time, a JSON Schema leaves open

    event_class = Operation if kind == Operation.kind else TYPES[kind]
    try:
        msgspec.json.decode(orjson.dumps(changed), type=event_class)
    except msgspec.ValidationError:
        assert not Draft7Validator(schema).is_valid(changed)
    else:
        assert Draft7Validator(schema).is_valid(changed)


@pytest.mark.parametrize("event_class", SIDE_EVENTS.values())
def test_events_beside_the_log_are_read_as_their_schema_says(event_class: type[SideEvent]) -> None:
    example = SCHEMAS[event_class.kind_name]["examples"][0]

    event = msgspec.json.decode(orjson.dumps(example), type=event_class)

    assert msgspec.to_builtins(event) == example


@pytest.mark.parametrize(("measure", "value"), [("csat_1_5", 0), ("csat_1_5", 6), ("ces_1_7", 8), ("nps_0_10", 11)])
def test_an_answer_outside_its_scale_is_refused(measure: str, value: int) -> None:
    answer = orjson.dumps({"interaction": "i", "measure": measure, "value": value, "time": 1})

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(answer, type=SIDE_EVENTS["feedback"])


def test_an_outcome_of_nobody_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"kind":"left","time":1}', type=SIDE_EVENTS["outcomes"])


def test_asyncapi_names_every_type_of_every_channel_once() -> None:
    log = document()["channels"]["events"]["messages"].values()

    names = [resolve(document(), message["$ref"])["name"] for message in log]

    assert sorted(names) == sorted([type_name(channel, kind) for channel, kind in PAIRS] + [OPERATION_TYPE])
    assert set(TYPES) == set().union(*CHANNEL_TYPES.values())


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    loaded = document()
    found = references(loaded)

    assert len(found) > 100
    assert all(resolve(loaded, reference) for reference in found)


def test_asyncapi_names_every_header_of_a_reject_and_every_reason() -> None:
    headers = document()["components"]["messages"]["rejected"]["headers"]["properties"]
    record = kafka_record(b"key", b"x" * 5000, [("ce_id", b"1")])
    rejection = Rejection(offset=7, reason=RejectReason.SCHEMA, detail="$.time: missing", origin=record)
    row = reject_row(LogPartition(topic="touchpoint.events", topic_id="t", partition=3), rejection, record)
    message = reject_message(row, record)

    sent = {name for name, _ in [*message.headers, *shortened(row, message).headers]} - {"ce_id"}

    assert sent == set(headers)
    assert headers["reject_reason"]["enum"] == [*RejectReason]


def test_payloads_in_asyncapi_are_the_published_schemas() -> None:
    messages = document()["components"]["messages"].values()

    payloads = {message["payload"]["$ref"] for message in messages if "$ref" in message["payload"]}

    assert payloads == {path for path in contract_files() if path.startswith("events/")}
