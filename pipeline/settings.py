"""Every setting: its name, default, unit and help, and where its value comes from.

Sources, first wins: environment `TOUCHPOINT_*`, the TOML file that `TOUCHPOINT_CONFIG_FILE` names, the default.
A secret NAME may be read from the file that the setting `NAME_file` names instead. Anything unknown is an error.
Must not know Kafka, ClickHouse or Faust: it hands out addresses, it opens no connection.
"""

import errno
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from pipeline.core.correctable import CLOCK_SKEW
from pipeline.errors import ConfigError, StackError
from pipeline.settings_sources import (
    PREFIX,
    explain_invalid,
    explain_unparsable,
    read_config_file,
    read_secret,
    refuse_unknown_variables,
    variable,
)

MIN_KEY_BYTES: Final = 16
KEY_FILE: Final = "pseudonym.key"

_PACKAGE: Final = Path(__file__).resolve().parent
_HOST_PORT: Final = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}"


@dataclass(frozen=True, slots=True)
class Doc:
    """What the reference and error messages say: unit, valid values, and a default that differs between machines."""

    unit: str
    valid: str
    default: str | None = None


def _schemas_dir() -> Path:
    checkout = _PACKAGE.parent / "schemas"
    return checkout if checkout.is_dir() else _PACKAGE / "schemas"


_PATH: Final = "a path"

Name = Annotated[str, Field(min_length=1), Doc("name", "any name")]
Address = Annotated[str, Field(pattern=rf"^{_HOST_PORT}$")]
Addresses = Annotated[str, Field(pattern=rf"^{_HOST_PORT}(,{_HOST_PORT})*$")]
TopicName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$"), Doc("name", "1 to 200 letters, digits, dots, _ and -")
]
DatabaseName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"), Doc("name", "1 to 64 letters, digits and _, no digit first")
]
Seconds = Annotated[float, Field(gt=0, le=86_400), Doc("seconds", "above 0, at most 86400")]
Records = Annotated[int, Field(ge=1), Doc("records", "1 or more")]


class Settings(BaseSettings):
    """The settings of one process; frozen. Paths that are not absolute start at the working directory."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    state_dir: Annotated[
        Path,
        Doc("path", _PATH),
        Field(description="Where the embedded stack keeps its data, its addresses and the demo's pseudonym key."),
    ] = Path(".touchpoint")
    kafka: Annotated[
        Addresses | None,
        Doc("host:port,…", "host:port, or several with commas between", "the running embedded stack"),
        Field(description="Kafka brokers to start from."),
    ] = None
    clickhouse: Annotated[
        Address | None,
        Doc("host:port", "host:port", "the running embedded stack"),
        Field(description="ClickHouse server, native protocol."),
    ] = None
    clickhouse_user: Annotated[Name, Field(description="ClickHouse user.")] = "default"
    clickhouse_password: Annotated[
        SecretStr | None, Doc("secret", "any text", "none"), Field(description="ClickHouse password.")
    ] = None
    clickhouse_password_file: Annotated[
        Path | None, Doc("path", _PATH, "none"), Field(description="File that holds the ClickHouse password.")
    ] = None
    database: Annotated[DatabaseName, Field(description="ClickHouse database.")] = "touchpoint"
    topic_prefix: Annotated[
        TopicName, Field(description="Topics are named PREFIX.events, PREFIX.conditions and so on.")
    ] = "touchpoint"
    group: Annotated[TopicName, Field(description="Kafka consumer group of the workers.")] = "touchpoint-scores"
    partitions: Annotated[
        int,
        Doc("partitions", "1 to 10000"),
        Field(ge=1, le=10_000, description="Partitions of the log when `topics apply` creates it; fixed from then on."),
    ] = 8
    partitioner: Annotated[
        Literal["murmur2", "crc32"],
        Doc("algorithm", "murmur2 or crc32"),
        Field(description="How producers choose a partition from the key: Java murmur2, librdkafka crc32."),
    ] = "murmur2"
    schemas_dir: Annotated[
        Path,
        Doc("path", _PATH, "the `schemas` folder beside the package"),
        Field(description="Models, catalog of touch-points and migrations."),
    ] = Field(default_factory=_schemas_dir)
    pseudonym_key: Annotated[
        SecretStr | None,
        Doc("secret", "text of at least 16 bytes", "none"),
        Field(description="Key that turns customer and staff ids into pseudonyms."),
    ] = None
    pseudonym_key_file: Annotated[
        Path | None,
        Doc("path", _PATH, "`pseudonym.key` in `state_dir`, if it exists"),
        Field(description="File that holds the pseudonym key."),
    ] = None
    placeholder_customers: Annotated[
        tuple[str, ...],
        Doc("ids", 'a JSON list such as ["", "0"]'),
        Field(description="Customer ids that mean nobody."),
    ] = ("", "0")
    epoch: Annotated[
        int,
        Doc("number", "0 to 4095"),
        Field(
            ge=0, le=4095, description="Raise it to score anew under changed models (`recompute`); a higher epoch wins."
        ),
    ] = 0
    flush_interval_seconds: Annotated[
        Seconds, Field(description="Rows are inserted and offsets committed about this often.")
    ] = 1.0
    max_block_rows: Annotated[Records, Doc("rows", "1 or more"), Field(description="Rows of one INSERT, at most.")] = (
        50_000
    )
    max_record_bytes: Annotated[
        int,
        Doc("bytes", "1024 to 67108864"),
        Field(ge=1024, le=67_108_864, description="Size limit of the input topics; larger records are rejected."),
    ] = 1_048_576
    max_ahead_seconds: Annotated[
        float,
        Doc("seconds", "above 0, at most 300"),
        Field(
            gt=0,
            le=CLOCK_SKEW / 1000,
            description="An event further ahead of its record's time stamp is rejected as `bad_time`.",
        ),
    ] = 300.0
    reject_share_limit: Annotated[
        float,
        Doc("share", "above 0, at most 1"),
        Field(gt=0, le=1, description="The worker stops when more of the last records than this were rejected."),
    ] = 0.2
    reject_share_window: Annotated[Records, Field(description="How many last records that share is taken of.")] = 10_000
    reject_run_limit: Annotated[Records, Field(description="Rejects in a row that stop the worker.")] = 1_000
    session_timeout_seconds: Annotated[
        Seconds, Field(description="A silent worker's partitions go to others after this long.")
    ] = 15.0
    heartbeat_seconds: Annotated[
        Seconds,
        Doc("seconds", "above 0, at most a third of session_timeout_seconds"),
        Field(description="How soon a worker notices that partitions move."),
    ] = 1.0
    stall_timeout_seconds: Annotated[
        Seconds, Field(description="No progress for this long ends the worker with exit code 70.")
    ] = 120.0
    shutdown_seconds: Annotated[Seconds, Field(description="What all steps of a shutdown may take together.")] = 30.0
    log_retention_hours: Annotated[
        int,
        Doc("hours", "1 or more; at least two horizons"),
        Field(ge=1, description="Retention that `topics apply` gives the log."),
    ] = 168
    metrics_port: Annotated[
        Literal["off"] | Annotated[int, Field(ge=0, le=65_535)],
        Doc("port", "0 to 65535, or off"),
        Field(description="Where a worker serves /metrics, /live and /ready; 0 takes any free port, off serves none."),
    ] = 9464
    metrics_address: Annotated[
        str,
        Doc("address", "an address of this machine; 0.0.0.0 or :: for all"),
        Field(min_length=1, description="Address that it listens on; whoever reaches it can read all metrics."),
    ] = "127.0.0.1"

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
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=read_config_file())

    def kafka_address(self) -> str:
        """Bootstrap servers: the setting, else the running embedded stack. Raises StackError when there is neither."""
        return self.kafka or self._stack_address("kafka")

    def clickhouse_address(self) -> str:
        """Host and native port: the setting, else the running embedded stack. Raises StackError when neither."""
        return self.clickhouse or self._stack_address("clickhouse")

    def clickhouse_password_text(self) -> str:
        """The password, empty when none is set. Raises ConfigError when its file cannot be read."""
        return read_secret("clickhouse_password", self.clickhouse_password, self.clickhouse_password_file) or ""

    def pseudonym_key_path(self) -> Path | None:
        """The file that holds the key: the setting, else `pseudonym.key` in the state directory if it exists."""
        made = self.state_dir / KEY_FILE
        return self.pseudonym_key_file or (made if self.pseudonym_key is None and made.is_file() else None)

    def pseudonym_key_bytes(self) -> bytes:
        """The key for pseudonyms. Raises ConfigError when there is none or it has fewer than 16 bytes."""
        path = self.pseudonym_key_path()
        text = read_secret("pseudonym_key", self.pseudonym_key, path)
        if text is None:
            message = (
                "no pseudonym key: set TOUCHPOINT_PSEUDONYM_KEY or TOUCHPOINT_PSEUDONYM_KEY_FILE,"
                " or let `touchpoint stack up` make one for its own stack"
            )
            raise ConfigError(message)
        key = text.encode()
        if len(key) < MIN_KEY_BYTES:
            where = path or variable("pseudonym_key")
            message = f"{where}: the key has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed"
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


def load_settings() -> Settings:
    """Read all sources. Raises ConfigError with one line per mistake, each with the valid values."""
    valid = {name: doc(name).valid for name in Settings.model_fields}
    refuse_unknown_variables(valid)
    try:
        settings = Settings()
    except ValidationError as error:
        # Not chained: the original holds values, secrets among them.
        raise ConfigError(explain_invalid(error, valid)) from None
    except SettingsError as error:
        raise ConfigError(explain_unparsable(error, valid)) from None
    _refuse_contradictions(settings)
    return settings


def doc(name: str) -> Doc:
    """What the reference says about a setting."""
    return [entry for entry in Settings.model_fields[name].metadata if isinstance(entry, Doc)][-1]


def _refuse_contradictions(settings: Settings) -> None:
    for name in ("clickhouse_password", "pseudonym_key"):
        if getattr(settings, name) is not None and getattr(settings, f"{name}_file") is not None:
            message = f"both {name} and {name}_file are set: keep one"
            raise ConfigError(message)
    try:
        (settings.state_dir / KEY_FILE).exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # whatever else is wrong may be mended, or matter to nobody
            message = "state_dir: the path is too long: set TOUCHPOINT_STATE_DIR to a shorter one"
            raise ConfigError(message) from None
    if settings.heartbeat_seconds * 3 > settings.session_timeout_seconds:
        message = f"heartbeat_seconds: must be {doc('heartbeat_seconds').valid}"
        raise ConfigError(message)
