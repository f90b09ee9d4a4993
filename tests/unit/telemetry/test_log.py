import logging

from pipeline.telemetry.log import LibraryFilter


def line(text: str, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.conn", level, __file__, 1, text, (), None)


def test_a_library_says_the_same_thing_once_in_a_while() -> None:
    quiet = LibraryFilter()

    written = [quiet.filter(line(text)) for text in ("broker away", "broker away", "something else", "broker away")]

    assert written == [True, False, True, False]


def test_an_error_of_a_library_is_a_warning_of_ours() -> None:
    record = line("coordinator not available")

    LibraryFilter().filter(record)

    assert record.levelno == logging.WARNING
    assert record.levelname == "WARNING"
