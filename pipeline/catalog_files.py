"""Reads models and the catalog of touch-points from YAML files; every mistake comes with file, line and field.

Owns files and line numbers; what a mistake is, `core/model_check.py` and `core/catalog_check.py` decide.
"""

import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from pipeline.core.catalog import Catalog
from pipeline.core.catalog_check import clashes, content_differs, read_catalog
from pipeline.core.document import Mistake
from pipeline.core.document import Path as FieldPath
from pipeline.core.model_check import read_model
from pipeline.core.models import Model
from pipeline.errors import ModelError

MODELS_FOLDER: Final = "models"
CATALOG_FILE: Final = "touch_points.yaml"
MAX_FILE_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 20
_SCALARS: Final = frozenset({"int", "float", "bool", "null"})


class FoundMistake(Struct, frozen=True):
    """A mistake and where to correct it."""

    file: str
    line: int
    field: str
    message: str
    valid: tuple[str, ...]

    def __str__(self) -> str:
        """One line: `FILE:LINE: FIELD: what is wrong; valid: ...`."""
        where = f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "")
        return where + self.message + (f"; valid: {', '.join(self.valid)}" if self.valid else "")


class Document:
    """A YAML file as plain values, with the line of every field and the keys that stand twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[FieldPath, int] = {(): 1}
        self.mistakes: list[Mistake] = []
        self.content: object = None
        try:
            text = _read_text(path)
            loader = YAML(typ="safe", pure=True)
            node = loader.compose(text)
            self._constructor: Any = loader.constructor
            if node is not None:
                self.content = self._plain(node, ())
        except (OSError, UnicodeDecodeError, ValueError) as error:
            self.mistakes.append(Mistake((), f"cannot be read: {error}"))
        except YAMLError as error:
            mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
            self.lines[()] = mark.line + 1 if mark else 1
            what = error.problem if isinstance(error, MarkedYAMLError) and error.problem else str(error).splitlines()[0]
            self.mistakes.append(Mistake((), f"is no valid YAML: {what}"))

    def locate(self, mistakes: Sequence[Mistake]) -> list[FoundMistake]:
        """Add file and line; a field that is missing stands at the line of what should hold it."""
        return [
            FoundMistake(str(self.path), self.line_of(each.path), each.field, each.message, each.valid)
            for each in mistakes
        ]

    def line_of(self, path: FieldPath) -> int:
        """The line of a field, or of the nearest thing around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def _plain(self, node: Node, path: FieldPath) -> object:
        if len(path) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise ValueError(message)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._plain_mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._plain_scalar(node)

    def _plain_mapping(self, node: MappingNode, path: FieldPath) -> dict[str, object]:
        mapping: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in mapping:
                self.mistakes.append(Mistake((*path, name), f"stands here twice, again in line {line}"))
                continue
            self.lines[*path, name] = line
            mapping[name] = self._plain(value, (*path, name))
        return mapping

    def _plain_scalar(self, node: Node) -> object:
        kind = str(node.tag).rpartition(":")[2]
        # Times stay text: the reader of the field decides what a time is.
        return self._constructor.construct_object(node) if kind in _SCALARS else str(node.value)


def check_model_file(path: Path, schemas_dir: Path | None = None) -> tuple[Model | None, list[FoundMistake]]:
    """The model in a file, or all its mistakes; also checked against the other models in `schemas_dir`."""
    document = Document(path)
    model, mistakes = _model_of(document)
    if model is None or schemas_dir is None:
        return model, mistakes
    others = [other for other in _model_files(schemas_dir) if other.resolve() != path.resolve()]
    for other in others:
        known, _ = _model_of(Document(other))
        # Other clashes, such as the same model in two files, only matter once the file lies in that folder.
        if known and content_differs(model, known):
            message = f"{model.name} version {model.version} in {other.name} has another content; raise the version"
            mistakes += document.locate([Mistake(("version",), message)])
    return (None if mistakes else model), mistakes


def check_catalog(schemas_dir: Path) -> tuple[Catalog | None, list[FoundMistake]]:
    """The catalog of a folder (`touch_points.yaml`, `models/*.yaml`), or the mistakes in all its files."""
    found: list[FoundMistake] = []
    models: list[tuple[Model, Document]] = []
    for path in _model_files(schemas_dir):
        document = Document(path)
        model, mistakes = _model_of(document)
        found += mistakes
        if model is not None:
            models.append((model, document))
    documents = {id(model): document for model, document in models}
    for left, right, why in clashes([model for model, _ in models]):
        here, there = documents[id(right)], documents[id(left)]
        found += here.locate([Mistake(("version",), f"{why} (see {there.path.name})")])
    document = Document(schemas_dir / CATALOG_FILE)
    catalog = None
    if document.mistakes:
        found += document.locate(document.mistakes)
    elif not found:
        zones = zoneinfo.available_timezones()
        catalog, wrong = read_catalog(document.content, [model for model, _ in models], zones)
        found += document.locate(wrong)
    return (None if found else catalog), found


def load_catalog(schemas_dir: Path) -> Catalog:
    """The catalog of a folder; ModelError lists every mistake."""
    catalog, mistakes = check_catalog(schemas_dir)
    if catalog is None:
        raise ModelError("\n".join(map(str, mistakes)))
    return catalog


def _model_of(document: Document) -> tuple[Model | None, list[FoundMistake]]:
    if document.content is None and document.mistakes:
        return None, document.locate(document.mistakes)
    model, mistakes = read_model(document.content)
    mistakes = document.mistakes + mistakes
    return (None if mistakes else model), document.locate(mistakes)


def _model_files(schemas_dir: Path) -> list[Path]:
    return sorted((schemas_dir / MODELS_FOLDER).glob("*.yaml"))


def _read_text(path: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        message = f"larger than {MAX_FILE_BYTES} bytes"
        raise ValueError(message)
    return path.read_text(encoding="utf-8")
