"""Every exception of ours: what ends a command, a batch or the process. The fate of one record is never one of these.

The message is written for the operator: what happened, where, what to do, the valid values; never a secret.

TouchpointError                        1
├── ConfigError                        2
│   └── ModelError                     2
├── ImportFileError                    1
├── RejectShareError                   1
├── StalledError                       70
└── ServiceError                       3
    ├── StackError                     3
    ├── KafkaError                     3
    │   ├── KafkaUnavailableError      3   retryable
    │   └── TopicError                 2
    └── ClickHouseError                3
        ├── ClickHouseUnavailableError 3   retryable
        └── ClickHouseSchemaError      2

The number is the exit code of a command that ends with it.
"""

import enum
from typing import ClassVar


class ExitCode(enum.IntEnum):
    """What a command's exit code means; scripts may rely on it."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    WATCHDOG = 70
    INTERRUPTED = 130


class TouchpointError(Exception):
    """A failure that we can name. `retryable`: the same call may succeed later with nothing changed."""

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE


class ConfigError(TouchpointError):
    """A setting, a file or an argument is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class ModelError(ConfigError):
    """A scoring model or the catalog of touch-points is wrong; says file, line, field and valid values."""


class ImportFileError(TouchpointError):
    """A recorded file or its mapping cannot be turned into events; says file, row and column."""


class RejectShareError(TouchpointError):
    """So many records are rejected that going on would hide a broken producer or a wrong setting."""


class StalledError(TouchpointError):
    """The worker's watchdog saw no progress; the process must end, never stay alive but stuck."""

    exit_code = ExitCode.WATCHDOG


class ServiceError(TouchpointError):
    """Something that we depend on is missing, away or refuses."""

    exit_code = ExitCode.UNREACHABLE


class StackError(ServiceError):
    """The embedded stack does not run, or does not start."""


class KafkaError(ServiceError):
    """Kafka answered with an error, or not at all."""


class KafkaUnavailableError(KafkaError):
    """No broker answers at the moment."""

    retryable = True


class TopicError(KafkaError):
    """A topic is missing or not as the promise needs it (partitions, time stamps, retention, identity)."""

    exit_code = ExitCode.USAGE


class ClickHouseError(ServiceError):
    """ClickHouse answered with an error, or not at all."""


class ClickHouseUnavailableError(ClickHouseError):
    """ClickHouse is away or overloaded: the same block again, later."""

    retryable = True


class ClickHouseSchemaError(ClickHouseError):
    """A database, table, column or right is missing: somebody must act, mostly `touchpoint migrate`."""

    exit_code = ExitCode.USAGE
