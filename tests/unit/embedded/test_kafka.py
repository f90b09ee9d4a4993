"""Which Java runs the broker, and what is said when none can."""

import stat
from pathlib import Path

import pytest

from pipeline.embedded import kafka
from pipeline.errors import StackError


def fake_java(home: Path, answer: str) -> None:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_java_of_the_wheel_serves_without_java_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert kafka.java().is_file()


@pytest.mark.parametrize("answer", ['openjdk version "17.0.1" 2021', 'openjdk version "25-ea" 2025'])
def test_java_home_is_preferred_when_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    fake_java(tmp_path, answer)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert kafka.java() == tmp_path / "bin" / "java"


@pytest.mark.parametrize(
    ("answer", "words"), [('java version "1.8.0_391"', "is Java 8"), ("hello", "of an unknown version")]
)
def test_java_home_that_is_too_old_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, words: str
) -> None:
    fake_java(tmp_path, answer)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(StackError, match=words):
        kafka.java()


@pytest.mark.parametrize("name", ["a,b", "a\\b"])
def test_directory_that_the_broker_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="without comma or backslash"):
        kafka.prepare(Path("java"), tmp_path, tmp_path / name, port=1, controller_port=2)

    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(StackError, match="XDG_CACHE_HOME"):
        kafka.jars(print)
