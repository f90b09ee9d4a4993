"""The settings as a table of text: what `touchpoint config show` prints and docs/reference.md lists. Hides secrets."""

import json

from pipeline.errors import StackError
from pipeline.settings import Settings, doc
from pipeline.settings_sources import source


def describe(settings: Settings) -> list[dict[str, str | None]]:
    """Name, value, source, unit, valid values, default and help of every setting, as text; no secret among them."""
    return [_describe(settings, name) for name in Settings.model_fields]


def default_text(name: str) -> str:
    """The default of a setting, as the reference shows it."""
    stated = doc(name).default
    return _text(Settings.model_fields[name].default) if stated is None else stated


def _describe(settings: Settings, name: str) -> dict[str, str | None]:
    value, origin = getattr(settings, name), source(name) if name in settings.model_fields_set else "default"
    if value is None:
        value, origin = _found_in_state_dir(settings, name) or (None, origin)
    return {
        "name": name,
        "value": value if value is None else _text(value),
        "source": origin,
        "unit": doc(name).unit,
        "valid": doc(name).valid,
        "default": default_text(name),
        "help": Settings.model_fields[name].description,
    }


def _found_in_state_dir(settings: Settings, name: str) -> tuple[object, str] | None:
    """Value and source of what the embedded stack provides when it is not set."""
    try:
        if name == "kafka":
            return settings.kafka_address(), str(settings.state_dir)
        if name == "clickhouse":
            return settings.clickhouse_address(), str(settings.state_dir)
    except StackError:
        return None
    key = settings.pseudonym_key_path() if name == "pseudonym_key_file" else None
    return (key, str(settings.state_dir)) if key else None


def _text(value: object) -> str:
    """A value as one would write it into the environment; a secret is a row of asterisks."""
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
