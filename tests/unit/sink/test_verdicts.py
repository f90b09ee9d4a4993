"""Every error has a verdict: again later, smaller, find the value, or stop with one line."""

import inspect
import socket
from typing import Any

import pytest
from clickhouse_driver import errors

from pipeline.errors import ClickHouseError, ClickHouseSchemaError, ClickHouseUnavailableError
from pipeline.sink.clickhouse import judge, operator_errors
from pipeline.sink.verdicts import MISSING, REFUSED_VALUES, RETRYABLE, Verdict, judge_code, one_line

TOO_MANY_PARTS = "DB::Exception: Too many parts (300 with average size of 1.00 KiB). Merges are processing slower"
TOO_MANY_PARTITIONS = "DB::Exception: Too many partitions for single INSERT block (more than 100). The limit is"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (EOFError(), Verdict.RETRY),
        (ConnectionRefusedError(111, "refused"), Verdict.RETRY),
        (ConnectionResetError(), Verdict.RETRY),
        (BrokenPipeError(), Verdict.RETRY),
        (TimeoutError(), Verdict.RETRY),
        (socket.gaierror(-2, "Name or service not known"), Verdict.RETRY),
        (errors.NetworkError("localhost:9000"), Verdict.RETRY),
        (errors.SocketTimeoutError("localhost:9000"), Verdict.RETRY),
        (errors.ServerException("Memory limit exceeded", 241), Verdict.RETRY),
        (errors.ServerException("Too many simultaneous queries", 202), Verdict.RETRY),
        (errors.ServerException("Not enough space", 243), Verdict.RETRY),
        (errors.ServerException(TOO_MANY_PARTS, 252), Verdict.RETRY),
        (errors.ServerException(TOO_MANY_PARTITIONS, 252), Verdict.SPLIT),
        (errors.ServerException("Constraint `c` is violated", 469), Verdict.VALUE),
        (errors.TypeMismatchError("Column score: required argument is not a float"), Verdict.VALUE),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), Verdict.VALUE),
        (errors.ServerException("Table t does not exist", 60), Verdict.FATAL),
        (errors.ServerException("No such column", 16), Verdict.FATAL),
        (errors.ServerException("Not enough privileges", 497), Verdict.FATAL),
        (errors.ServerException("Authentication failed", 516), Verdict.FATAL),
        (errors.ServerException("Something new", 4711), Verdict.FATAL),
        (errors.UnknownTypeError("Unknown type Foo"), Verdict.FATAL),
    ],
)
def test_an_error_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert judge(error).verdict is verdict


def test_every_error_class_of_the_driver_is_judged_on_purpose() -> None:
    judged = {
        "ServerException": None,  # by code
        "LogicalError": Verdict.FATAL,
        "UnknownTypeError": Verdict.FATAL,
        "ChecksumDoesntMatchError": Verdict.RETRY,
        "TypeMismatchError": Verdict.VALUE,
        "UnknownCompressionMethod": Verdict.FATAL,
        "TooLargeStringSize": Verdict.VALUE,
        "NetworkError": Verdict.RETRY,
        "SocketTimeoutError": Verdict.RETRY,
        "UnexpectedPacketFromServerError": Verdict.RETRY,
        "UnknownPacketFromServerError": Verdict.RETRY,
        "CannotParseUuidError": Verdict.VALUE,
        "CannotParseDomainError": Verdict.VALUE,
        "PartiallyConsumedQueryError": Verdict.RETRY,
    }
    classes: dict[str, Any] = {
        name: each
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.Error) and each is not errors.Error
    }

    assert set(classes) == set(judged), "the driver has other errors than we have judged"
    assert {name: judge(each("m")).verdict for name, each in classes.items() if judged[name] is not None} == {
        name: verdict for name, verdict in judged.items() if verdict is not None
    }


def test_a_code_has_one_verdict() -> None:
    assert not set(RETRYABLE) & set(REFUSED_VALUES)
    assert not set(RETRYABLE) & set(MISSING)
    assert not set(REFUSED_VALUES) & set(MISSING)


def test_a_refused_value_is_never_quoted() -> None:
    answer = judge_code(469, "DB::Exception: Constraint `c` is violated at row 1. Column values: customer = 'canary'")

    assert "canary" not in repr(answer)
    assert answer.label == "ClickHouse error 469 (VIOLATED_CONSTRAINT)"


def test_a_value_that_the_driver_cannot_write_is_never_quoted() -> None:
    assert "canary" not in repr(judge(errors.TypeMismatchError("Expected Float64 got str: canary")))


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), ClickHouseUnavailableError, "Connection refused"),
        (errors.ServerException("Table t.x does not exist", 60), ClickHouseSchemaError, "touchpoint migrate"),
        (errors.ServerException("Authentication failed", 516), ClickHouseSchemaError, "TOUCHPOINT_CLICKHOUSE_USER"),
        (errors.ServerException("Something new", 4711), ClickHouseError, "code 4711"),
    ],
)
def test_an_operator_reads_one_line(error: Exception, raised: type[Exception], words: str) -> None:
    with pytest.raises(raised, match=words) as caught, operator_errors():
        raise error

    assert "\n" not in str(caught.value)


def test_a_stack_trace_stays_out_of_the_line() -> None:
    assert one_line("DB::Exception: bad\n thing. Stack trace:\n\n0. x @ 0x1") == "bad thing."
