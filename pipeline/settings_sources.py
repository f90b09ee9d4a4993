"""Where settings come from: variables, the TOML file, files of secrets; and what to say about mistakes there.

Must not know what any setting means: it is handed names, and for each name the words for its valid values.
"""

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_settings.exceptions import SettingsError

from pipeline.errors import ConfigError

PREFIX: Final = "TOUCHPOINT_"
CONFIG_FILE_VARIABLE: Final = "TOUCHPOINT_CONFIG_FILE"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def source(name: str) -> str:
    """Where a given setting was given: its variable, else the file."""
    return variable(name) if os.environ.get(variable(name)) else _file()


def refuse_unknown_variables(names: Collection[str]) -> None:
    """Raise ConfigError when the environment has a `TOUCHPOINT_*` variable that is no setting's."""
    known = {name.upper() for name in names} | {CONFIG_FILE_VARIABLE.removeprefix(PREFIX)}
    ours = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    unknown = [name for name in ours if not name.startswith(PREFIX) or name[len(PREFIX) :] not in known]
    if unknown:
        lines = (f"unknown variable {name}: {_near(name[len(PREFIX) :].upper(), known, PREFIX)}" for name in unknown)
        raise ConfigError("\n".join(lines))


def read_config_file() -> dict[str, Any]:
    """The TOML file's content, not yet validated; empty when none is named. Raises ConfigError."""
    name = os.environ.get(CONFIG_FILE_VARIABLE)
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"{CONFIG_FILE_VARIABLE}={name}: {reason}"
        raise ConfigError(message) from error


def read_secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    """The secret, from its setting or its file, whose trailing line break is no part of it. Raises ConfigError."""
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        message = f"{name}_file {file}: {error.strerror}"
        raise ConfigError(message) from error
    except UnicodeDecodeError:
        # Not chained: the original holds the bytes of the secret.
        message = f"{name}_file {file}: not UTF-8 text"
        raise ConfigError(message) from None


def explain_invalid(error: ValidationError, valid: Mapping[str, str]) -> str:
    """One line per mistake: where it stands and what is valid; the values themselves might be secrets."""
    return "\n".join(dict.fromkeys(_explain(str(found["loc"][0]), valid) for found in error.errors()))


def explain_unparsable(error: SettingsError, valid: Mapping[str, str]) -> str:
    """The same for a variable that should hold JSON and does not."""
    name = next((name for name in valid if f'"{name}"' in str(error)), None)
    return str(error) if name is None else _explain(name, valid)


def _explain(name: str, valid: Mapping[str, str]) -> str:
    if name not in valid:
        return f"unknown setting {name} in {_file()}: {_near(name, valid)}"
    where = variable(name) if os.environ.get(variable(name)) else f"{name} in {_file()}"
    return f"{where}: must be {valid[name]}"


def _near(name: str, known: Collection[str], prefix: str = "") -> str:
    matches = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    if not matches:
        return "`touchpoint config show` lists all settings"
    return f"did you mean {' or '.join(prefix + match for match in matches)}?"


def _file() -> str:
    return os.environ.get(CONFIG_FILE_VARIABLE) or "the arguments"
