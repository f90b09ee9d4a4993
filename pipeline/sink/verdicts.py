"""What an error of ClickHouse means for the block in hand, as a value: one table of codes.

The numbers are ClickHouse's own (src/Common/ErrorCodes.cpp). Must not know connections or the driver.
"""

import enum
from typing import Final

from msgspec import Struct


class Verdict(enum.Enum):
    """What to do with the block."""

    DONE = "done"
    RETRY = "retry"  # away or overloaded: the same block again, later
    SPLIT = "split"  # too much for one INSERT: the same rows in smaller blocks
    VALUE = "value"  # a value is refused: halve the block until its row is found
    FATAL = "fatal"  # somebody must act: stop with one line


class Answer(Struct, frozen=True):
    """A verdict with its reason for the operator; `label` names the error without any value of a row.

    `remedy` says what to do where something is missing in ClickHouse that an operator can put there.
    """

    verdict: Verdict
    message: str = ""
    label: str = ""
    remedy: str = ""


DONE: Final = Answer(Verdict.DONE)

TOO_MANY_PARTS: Final = 252

RETRYABLE: Final[dict[int, str]] = {
    3: "UNEXPECTED_END_OF_FILE",
    23: "CANNOT_READ_FROM_ISTREAM",
    24: "CANNOT_WRITE_TO_OSTREAM",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    33: "CANNOT_READ_ALL_DATA",
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    77: "CANNOT_CLOSE_FILE",
    95: "CANNOT_READ_FROM_SOCKET",
    96: "CANNOT_WRITE_TO_SOCKET",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    204: "CANNOT_FSYNC",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",  # the replica lost its Keeper session
    243: "NOT_ENOUGH_SPACE",
    244: "UNEXPECTED_ZOOKEEPER_ERROR",
    252: "TOO_MANY_PARTS",
    254: "NO_ACTIVE_REPLICAS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    319: "UNKNOWN_STATUS_OF_INSERT",  # may be there already, and the version makes that harmless
    341: "UNFINISHED",
    364: "RECEIVED_ERROR_TOO_MANY_REQUESTS",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    499: "S3_ERROR",
    571: "DATABASE_REPLICATION_FAILED",
    667: "NOT_INITIALIZED",
    735: "QUERY_WAS_CANCELLED_BY_CLIENT",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
    1000: "POCO_EXCEPTION",
    1001: "STD_EXCEPTION",  # how a full disk may show
}

REFUSED_VALUES: Final[dict[int, str]] = {
    6: "CANNOT_PARSE_TEXT",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    53: "TYPE_MISMATCH",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    407: "DECIMAL_OVERFLOW",
    467: "CANNOT_PARSE_BOOL",
    469: "VIOLATED_CONSTRAINT",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
}

_MIGRATE: Final = "run `touchpoint migrate`"
_GRANT: Final = "grant the user SELECT and INSERT on the database"
_LOGIN: Final = "check TOUCHPOINT_CLICKHOUSE_USER and its password"

MISSING: Final[dict[int, tuple[str, str]]] = {
    8: ("THERE_IS_NO_COLUMN", _MIGRATE),
    10: ("NOT_FOUND_COLUMN_IN_BLOCK", _MIGRATE),
    16: ("NO_SUCH_COLUMN_IN_TABLE", _MIGRATE),
    20: ("NUMBER_OF_COLUMNS_DOESNT_MATCH", _MIGRATE),
    44: ("ILLEGAL_COLUMN", _MIGRATE),
    47: ("UNKNOWN_IDENTIFIER", _MIGRATE),
    60: ("UNKNOWN_TABLE", _MIGRATE),
    81: ("UNKNOWN_DATABASE", _MIGRATE),
    164: ("READONLY", _GRANT),
    192: ("UNKNOWN_USER", _LOGIN),
    193: ("WRONG_PASSWORD", _LOGIN),
    194: ("REQUIRED_PASSWORD", _LOGIN),
    218: ("TABLE_IS_DROPPED", _MIGRATE),
    291: ("DATABASE_ACCESS_DENIED", _GRANT),
    497: ("ACCESS_DENIED", _GRANT),
    516: ("AUTHENTICATION_FAILED", _LOGIN),
}

_LONGEST_LINE: Final = 400


def judge_code(code: int, message: str) -> Answer:
    """The verdict on an error that the server sent. A code that nobody has judged is fatal: never alive but stuck."""
    text = f"ClickHouse: {one_line(message)} [code {code}]"
    if code == TOO_MANY_PARTS and "partitions" in message:
        return Answer(Verdict.SPLIT, text, f"ClickHouse error {code} (too many partitions in one INSERT)")
    if code in RETRYABLE:
        return Answer(Verdict.RETRY, text, f"ClickHouse error {code} ({RETRYABLE[code]})")
    if code in REFUSED_VALUES:
        # The server's words may quote the value, and values may be personal.
        label = f"ClickHouse error {code} ({REFUSED_VALUES[code]})"
        return Answer(Verdict.VALUE, f"a value is refused: {label}", label)
    if code in MISSING:
        name, remedy = MISSING[code]
        return Answer(Verdict.FATAL, text, f"ClickHouse error {code} ({name})", remedy)
    return Answer(Verdict.FATAL, text, f"ClickHouse error {code}")


def one_line(message: str) -> str:
    """A server's message without stack trace and line breaks, cut to what fits a log line."""
    text = " ".join(message.split("Stack trace:", 1)[0].split()).removeprefix("DB::Exception: ")
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
