"""Reads a mapping file: YAML to `Mapping`, or every mistake in it, with file, line, field and valid values.

Owns positions in the file and mistakes of form; what a mapping means is checked by `mapping_check.py`, and against the
columns of a table by `rows.py`. Scalars stay text as written (`0:00:00`, `007`, `NO`), null alone is special.
"""

import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import ImportFileError
from pipeline.source.mapping import Mapping
from pipeline.source.mapping_check import meaning_mistakes

FieldPath = tuple[str, ...]
Mistake = tuple[FieldPath, str]
_MAX_DEPTH: Final = 10
_NULL_TAG: Final = "tag:yaml.org,2002:null"


class MappingFile(NamedTuple):
    """A mapping and where each of its fields stands."""

    path: Path
    mapping: Mapping
    lines: dict[FieldPath, int]

    def refuse(self, mistakes: Iterable[Mistake]) -> None:
        """Raise ImportFileError that lists the mistakes, if there are any."""
        _refuse(self.path, self.lines, mistakes)


def read_mapping(path: Path) -> MappingFile:
    """Read and check a mapping file. Raises ImportFileError with one line per mistake."""
    lines: dict[FieldPath, int] = {(): 1}
    mistakes: list[Mistake] = []
    data = _plain(_compose(path), (), lines, mistakes)
    mistakes += _form_mistakes(Mapping, data, ())
    _refuse(path, lines, mistakes)
    file = MappingFile(path, msgspec.convert(data, Mapping, strict=False), lines)
    file.refuse(meaning_mistakes(file.mapping))
    return file


def _compose(path: Path) -> Node:
    try:
        node = YAML(pure=True).compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        message = f"{path}: cannot be read: {reason}"
        raise ImportFileError(message) from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        message = f"{where}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        raise ImportFileError(message) from error
    if not isinstance(node, MappingNode):
        message = f"{path}:1: expected fields such as `mapping: 1`; docs/import.md explains them"
        raise ImportFileError(message)
    return node


def _plain(node: Node, path: FieldPath, lines: dict[FieldPath, int], mistakes: list[Mistake]) -> Any:  # noqa: ANN401
    """A node's content as dict, list, text or None; notes lines, double names and too deep nesting on the way."""
    if len(path) > _MAX_DEPTH:
        mistakes.append((path[:_MAX_DEPTH], "nested too deep"))
        return None
    if isinstance(node, ScalarNode):
        return None if node.tag == _NULL_TAG else str(node.value)
    content: dict[str, Any] = {}
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            lines[*path, str(index)] = item.start_mark.line + 1
            content[str(index)] = _plain(item, (*path, str(index)), lines, mistakes)
        return list(content.values())
    for key_node, value_node in node.value:
        key = str(key_node.value)
        lines[*path, key] = key_node.start_mark.line + 1
        if key in content:
            mistakes.append(((*path, key), "stands here twice"))
        content[key] = _plain(value_node, (*path, key), lines, mistakes)
    return content


def _form_mistakes(wanted: Any, data: Any, path: FieldPath) -> Iterator[Mistake]:  # noqa: ANN401
    """Every place where `data` is not of the type `wanted`, with what is valid there."""
    inner, valid = _unwrap(wanted, data)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(data, dict):
        yield from _struct_mistakes(inner, data, path)
    elif get_origin(inner) is dict and isinstance(data, dict):
        for key, item in data.items():
            yield from _form_mistakes(get_args(inner)[1], item, (*path, key))
    else:
        try:
            msgspec.convert(data, wanted, strict=False)
        except msgspec.ValidationError:
            given = "nothing" if data is None else f"`{data}`" if isinstance(data, str) else "a list or fields"
            yield path, f"{given} is not valid here; valid: {valid}"


def _struct_mistakes(wanted: type[msgspec.Struct], data: dict[str, Any], path: FieldPath) -> Iterator[Mistake]:
    hints = get_type_hints(wanted, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    for key, item in data.items():
        if key in fields:
            yield from _form_mistakes(hints[fields[key].name], item, (*path, key))
        else:
            yield (*path, key), f"unknown field; valid: {', '.join(fields)}"
    for key, field in fields.items():
        if field.required and key not in data:
            yield (*path, key), f"this field is missing; {_unwrap(hints[field.name], None)[1]}"


def _unwrap(wanted: Any, data: Any) -> tuple[Any, str]:  # noqa: ANN401
    """The type behind annotations and `| None`, and a phrase for its valid values."""
    valid = ""
    if get_origin(wanted) is types.UnionType and data is not None:
        wanted = next((option for option in get_args(wanted) if option is not type(None)), wanted)
    if get_origin(wanted) is Annotated:
        wanted, meta = get_args(wanted)[:2]
        valid = str(meta.description or "")
    if get_origin(wanted) is Literal:
        valid = ", ".join(get_args(wanted))
    return wanted, valid or _PHRASES.get(wanted) or _phrase(wanted)


_PHRASES: Final[dict[Any, str]] = {str: "a text", bool: "true or false", str | None: "a text or null"}


def _phrase(wanted: Any) -> str:  # noqa: ANN401
    if get_origin(wanted) is tuple:
        return "a list of texts"
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return f"fields: {', '.join(field.encode_name for field in msgspec.structs.fields(wanted))}"
    return "names, each with its fields"


def _refuse(path: Path, lines: dict[FieldPath, int], mistakes: Iterable[Mistake]) -> None:
    found = sorted({(_line(lines, field), ".".join(field), message) for field, message in mistakes})
    if found:
        raise ImportFileError("\n".join(f"{path}:{line}: {field}: {message}" for line, field, message in found))


def _line(lines: dict[FieldPath, int], field: FieldPath) -> int:
    """The line of a field, or of the nearest field around it that is written down."""
    while field not in lines:
        field = field[:-1]
    return lines[field]
