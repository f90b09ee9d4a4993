"""Every setting: its name, default, unit and help, and where its value comes from.

Sources, first wins: environment `TOUCHPOINT_*`, the TOML file that `TOUCHPOINT_CONFIG_FILE` names, the default.
A secret NAME may be read from the file that the setting `NAME_file` names instead. Anything unknown is an error.
Must not know Kafka, ClickHouse or Faust: it hands out addresses, it opens no connection.
"""

import difflib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from pipeline.errors import ConfigError, StackError

PREFIX: Final = "TOUCHPOINT_"
CONFIG_FILE_VARIABLE: Final = "TOUCHPOINT_CONFIG_FILE"
MIN_KEY_BYTES: Final = 16

_PACKAGE: Final = Path(__file__).resolve().parent
_HOST_PORT: Final = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}"


@dataclass(frozen=True, slots=True)
class Doc:
    """What the reference shows beside a setting. `default` replaces a default that differs from machine to machine."""

    unit: str = ""
    default: str | None = None


def _schemas_dir() -> Path:
    installed = _PACKAGE / "schemas"
    return installed if installed.is_dir() else _PACKAGE.parent / "schemas"


Address = Annotated[str, Field(pattern=rf"^{_HOST_PORT}$")]
Addresses = Annotated[str, Field(pattern=rf"^{_HOST_PORT}(,{_HOST_PORT})*$")]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
DatabaseName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400), Doc("seconds")]
Count = Annotated[int, Field(ge=1), Doc("records")]


class Settings(BaseSettings):
    """The settings of one process; frozen. Paths that are not absolute start at the working directory."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    state_dir: Annotated[
        Path,
        Doc("path"),
        Field(description="Where the embedded stack keeps its data, its addresses and the demo's pseudonym key."),
    ] = Path(".touchpoint")
    kafka: Annotated[
        Addresses | None,
        Doc("host:port[,host:port]", default="the running embedded stack"),
        Field(description="Kafka brokers to start from."),
    ] = None
    clickhouse: Annotated[
        Address | None,
        Doc("host:port", default="the running embedded stack"),
        Field(description="ClickHouse server, native protocol."),
    ] = None
    clickhouse_user: Annotated[str, Doc("name"), Field(min_length=1, description="ClickHouse user.")] = "default"
    clickhouse_password: Annotated[
        SecretStr | None, Doc("secret", default="none"), Field(description="ClickHouse password.")
    ] = None
    clickhouse_password_file: Annotated[
        Path | None, Doc("path", default="none"), Field(description="File that holds the ClickHouse password.")
    ] = None
    database: Annotated[DatabaseName, Doc("name"), Field(description="ClickHouse database.")] = "touchpoint"
    topic_prefix: Annotated[
        TopicName, Doc("name"), Field(description="Topics are named PREFIX.events, PREFIX.conditions and so on.")
    ] = "touchpoint"
    group: Annotated[TopicName, Doc("name"), Field(description="Kafka consumer group of the workers.")] = (
        "touchpoint-scores"
    )
    partitions: Annotated[
        int,
        Doc("partitions"),
        Field(ge=1, le=10_000, description="Partitions of the log when `topics apply` creates it; fixed from then on."),
    ] = 8
    partitioner: Annotated[
        Literal["murmur2", "crc32"],
        Doc("murmur2 or crc32"),
        Field(description="How producers choose a partition from the key: Java murmur2, librdkafka crc32."),
    ] = "murmur2"
    schemas_dir: Annotated[
        Path,
        Doc("path", default="the `schemas` folder of the installation"),
        Field(description="Models, catalog of touch-points and migrations."),
    ] = Field(default_factory=_schemas_dir)
    pseudonym_key: Annotated[
        SecretStr | None,
        Doc("secret", default="none"),
        Field(description="Key that turns customer and staff ids into pseudonyms; at least 16 bytes."),
    ] = None
    pseudonym_key_file: Annotated[
        Path | None,
        Doc("path", default="`pseudonym.key` in `state_dir`, if it exists"),
        Field(description="File that holds the pseudonym key."),
    ] = None
    placeholder_customers: Annotated[
        tuple[str, ...], Doc("JSON list of ids"), Field(description="Customer ids that mean nobody.")
    ] = ("", "0")
    epoch: Annotated[
        int,
        Doc("number"),
        Field(ge=0, le=4095, description="Raise it to recompute rows under changed models; a higher epoch wins."),
    ] = 0
    flush_interval_seconds: Annotated[
        PositiveSeconds, Field(description="Rows are inserted and offsets committed about this often.")
    ] = 1.0
    max_block_rows: Annotated[Count, Doc("rows"), Field(description="Rows of one INSERT, at most.")] = 50_000
    max_batch_records: Annotated[Count, Field(description="Records of one fetched batch, at most.")] = 10_000
    max_record_bytes: Annotated[
        int,
        Doc("bytes"),
        Field(ge=1024, le=64 * 1024 * 1024, description="Size limit of the input topics; larger ones are rejected."),
    ] = 1_048_576
    max_ahead_seconds: Annotated[
        PositiveSeconds, Field(description="An event further ahead of its record's time stamp is rejected as bad_time.")
    ] = 300
    reject_share_limit: Annotated[
        float,
        Doc("share, 0 to 1"),
        Field(gt=0, le=1, description="The worker stops when more of the last records than this were rejected."),
    ] = 0.2
    reject_share_window: Annotated[Count, Field(description="How many last records that share is taken over.")] = 10_000
    reject_run_limit: Annotated[Count, Field(description="Rejects in a row that stop the worker.")] = 1_000
    session_timeout_seconds: Annotated[
        PositiveSeconds, Field(description="A silent worker's partitions go to others after this long.")
    ] = 15
    heartbeat_seconds: Annotated[
        PositiveSeconds, Field(description="Workers notice a rebalance within this; below session_timeout_seconds / 3.")
    ] = 1
    stall_timeout_seconds: Annotated[
        PositiveSeconds, Field(description="No progress for this long ends the worker with exit code 70.")
    ] = 120
    shutdown_seconds: Annotated[
        PositiveSeconds, Field(description="What all steps of a shutdown may take together.")
    ] = 30
    log_retention_hours: Annotated[
        int,
        Doc("hours"),
        Field(ge=1, description="Retention that `topics apply` gives the log; at least two horizons."),
    ] = 168

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, the TOML file; no `.env` and no secrets directory."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_read_config_file())

    def kafka_address(self) -> str:
        """Bootstrap servers: the setting, else the running embedded stack. Raises StackError when there is neither."""
        return self.kafka or self._stack_address("kafka")

    def clickhouse_address(self) -> tuple[str, int]:
        """Host and native port: the setting, else the running embedded stack. Raises StackError when neither."""
        host, _, port = (self.clickhouse or self._stack_address("clickhouse")).rpartition(":")
        return host.strip("[]"), int(port)

    def clickhouse_password_text(self) -> str:
        """The password, empty when none is set. Raises ConfigError when its file cannot be read."""
        return _secret("clickhouse_password", self.clickhouse_password, self.clickhouse_password_file) or ""

    def pseudonym_key_bytes(self) -> bytes:
        """The key for pseudonyms. Raises ConfigError when there is none or it has fewer than 16 bytes."""
        file = self.pseudonym_key_file
        made = self.state_dir / "pseudonym.key"
        if self.pseudonym_key is None and file is None and made.is_file():
            file = made
        text = _secret("pseudonym_key", self.pseudonym_key, file)
        if text is None:
            message = (
                f"no pseudonym key: set {PREFIX}PSEUDONYM_KEY or {PREFIX}PSEUDONYM_KEY_FILE (at least "
                f"{MIN_KEY_BYTES} bytes), or run `touchpoint stack up`, which makes one for trying out"
            )
            raise ConfigError(message)
        key = text.encode()
        if len(key) < MIN_KEY_BYTES:
            where = file if self.pseudonym_key is None else f"{PREFIX}PSEUDONYM_KEY"
            message = f"{where}: the pseudonym key has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed"
            raise ConfigError(message)
        return key

    def _stack_address(self, service: Literal["kafka", "clickhouse"]) -> str:
        path = self.state_dir / "stack.json"
        try:
            return str(json.loads(path.read_bytes())[service]["address"])
        except FileNotFoundError:
            message = f"no running stack in {self.state_dir}: run `touchpoint stack up`, or set {variable(service)}"
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} does not say where {service} runs ({error}): run `touchpoint stack up`"
        raise StackError(message)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load_settings() -> Settings:
    """Read all sources. Raises ConfigError with one line per mistake, each with the valid values."""
    _refuse_unknown_variables()
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(dict(found)) for found in error.errors())) from None
    except SettingsError as error:
        raise ConfigError(_explain_unparsable(error)) from None
    _refuse_contradictions(settings)
    return settings


def describe(settings: Settings) -> list[dict[str, str | None]]:
    """Name, value, source, unit, default and help of every setting, as text; a secret's value is only hinted at."""
    return [_describe(settings, name) for name in Settings.model_fields]


def _describe(settings: Settings, name: str) -> dict[str, str | None]:
    field = Settings.model_fields[name]
    value = getattr(settings, name)
    return {
        "name": name,
        "value": None if value is None else value_text(value),
        "source": _source(settings, name),
        "unit": doc(name).unit,
        "default": default_text(name),
        "help": field.description,
    }


def doc(name: str) -> Doc:
    """Unit and default of a setting, as the reference shows them."""
    return [entry for entry in Settings.model_fields[name].metadata if isinstance(entry, Doc)][-1]


def default_text(name: str) -> str:
    """The default of a setting, as the reference shows it."""
    stated = doc(name).default
    return value_text(Settings.model_fields[name].default) if stated is None else stated


def value_text(value: object) -> str:
    """A setting's value as one would write it into the environment; secrets stay hidden."""
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _source(settings: Settings, name: str) -> str:
    if name not in settings.model_fields_set:
        return "default"
    return variable(name) if variable(name) in _given() else str(os.environ.get(CONFIG_FILE_VARIABLE))


def _refuse_unknown_variables() -> None:
    known = {variable(name) for name in Settings.model_fields} | {CONFIG_FILE_VARIABLE}
    found = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    if found:
        raise ConfigError("\n".join(f"unknown variable {name}: {_near(name.upper(), known)}" for name in found))


def _refuse_contradictions(settings: Settings) -> None:
    for name in ("clickhouse_password", "pseudonym_key"):
        if getattr(settings, name) is not None and getattr(settings, f"{name}_file") is not None:
            message = f"both {name} and {name}_file are set: keep one"
            raise ConfigError(message)
    if settings.heartbeat_seconds * 3 > settings.session_timeout_seconds:
        message = (
            f"heartbeat_seconds: {settings.heartbeat_seconds:g} is more than a third of session_timeout_seconds "
            f"({settings.session_timeout_seconds:g}): one lost heartbeat would cost the partitions"
        )
        raise ConfigError(message)


def _read_config_file() -> dict[str, Any]:
    """The TOML file's content; empty when none is named. The one place where untyped values enter."""
    name = os.environ.get(CONFIG_FILE_VARIABLE)
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{CONFIG_FILE_VARIABLE}={name}: {error}"
        raise ConfigError(message) from None


def _secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    """The secret itself; a file's trailing line break is no part of it."""
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        message = f"{name}_file {file}: {reason}"
        raise ConfigError(message) from None


def _near(name: str, known: set[str]) -> str:
    matches = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(matches)}?" if matches else "`touchpoint config show` lists them all"


def _explain(found: dict[str, Any]) -> str:
    name = str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        file = os.environ.get(CONFIG_FILE_VARIABLE)
        return f"unknown setting {name} in {file}: {_near(name, set(Settings.model_fields))}"
    return f"{_where(name)}: {found['msg']}"


def _explain_unparsable(error: SettingsError) -> str:
    for name in Settings.model_fields:
        if f'"{name}"' in str(error):
            return f'{_where(name)}: expected a JSON list such as ["", "0"]'
    return str(error)


def _where(name: str) -> str:
    return variable(name) if variable(name) in _given() else f"{name} in {os.environ.get(CONFIG_FILE_VARIABLE)}"


def _given() -> set[str]:
    """Variables that are set to something, in capitals."""
    return {name.upper() for name, value in os.environ.items() if value}
