"""The topics of one prefix as the promise needs them, what is different on the broker, and making it so.

The only code that creates or changes topics. Must not know what the records mean.
"""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError as ClientError

from pipeline import kafka_admin
from pipeline.catalog_files import load_catalog
from pipeline.errors import ConfigError, KafkaError, KafkaUnavailableError, TopicError
from pipeline.settings import Settings

HOUR_MS: Final = 3_600_000
# What a reject adds to the record it carries: the reason, where it came from, the original headers once more.
REJECT_ROOM_BYTES: Final = 64 * 1024
TIMEOUT_MS: Final = 30_000
_CONNECT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be. `fixed`: its partition count decides where records go, and never changes."""

    name: str
    partitions: int
    fixed: bool
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between broker and plan. `before` is None where the topic does not exist yet."""

    topic: str
    setting: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker has it."""

    partitions: int
    settings: Mapping[str, str]


def planned(settings: Settings) -> tuple[Topic, ...]:
    """The topics of these settings. Raises ConfigError or ModelError when retention would lose what a rebuild needs."""
    retention = settings.log_retention_hours * HOUR_MS
    _refuse_short_retention(retention, load_catalog(settings.schemas_dir).horizon())
    limit = settings.max_record_bytes
    stamped = {"message.timestamp.type": "LogAppendTime"}
    kept = {"cleanup.policy": "delete", "retention.ms": str(retention)}
    # A value that a newer one replaces must stay readable for as long as an event that it concerns.
    compacted = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(retention),
        "delete.retention.ms": str(retention),
    }
    inputs = {"max.message.bytes": str(limit)}
    rejects = {"max.message.bytes": str(limit + REJECT_ROOM_BYTES)}
    prefix, many = settings.topic_prefix, settings.partitions
    return (
        Topic(f"{prefix}.events", many, fixed=True, settings=kept | inputs | stamped),
        Topic(f"{prefix}.conditions", 1, fixed=True, settings=compacted | inputs | stamped),
        Topic(f"{prefix}.feedback", many, fixed=False, settings=kept | inputs),
        Topic(f"{prefix}.outcomes", many, fixed=False, settings=kept | inputs),
        Topic(f"{prefix}.rejected", many, fixed=False, settings=kept | rejects),
    )


def differences(plan: Iterable[Topic], found: Mapping[str, Found]) -> list[Change]:
    """What `apply` has to change. Raises TopicError for what nobody may change: the partitions of the log."""
    changes: list[Change] = []
    for topic in plan:
        there = found.get(topic.name)
        if there is None:
            changes.append(Change(topic.name, "partitions", None, str(topic.partitions)))
            changes += (Change(topic.name, name, None, value) for name, value in topic.settings.items())
            continue
        if topic.fixed and there.partitions != topic.partitions:
            raise TopicError(_explain_partitions(topic, there.partitions))
        changes += (
            Change(topic.name, name, there.settings.get(name), value)
            for name, value in topic.settings.items()
            if there.settings.get(name) != value
        )
    return changes


def apply(settings: Settings, *, dry_run: bool) -> list[Change]:
    """Make the topics what they should be, or only say what is different; safe to repeat.

    Raises ConfigError, ModelError or TopicError with nothing changed; KafkaUnavailableError; KafkaError.
    """
    plan = planned(settings)
    address = settings.kafka_address()
    admin = _connect(address)
    try:
        changes = differences(plan, _look(admin, plan))
        if not dry_run:
            _create(admin, plan, {change.topic for change in changes if change.before is None})
            _alter(admin, [change for change in changes if change.before is not None])
            _await(admin, plan)
    except ClientError as error:
        message = f"the broker at {address} refuses: {error}"
        raise KafkaError(message) from error
    finally:
        admin.close()
    return changes


def _refuse_short_retention(retention: int, horizon: int) -> None:
    if retention >= 2 * horizon:
        return
    needed = -(-2 * horizon // HOUR_MS)
    message = (
        f"log_retention_hours: {retention // HOUR_MS} h is too short: a worker rebuilds what it holds from up to two "
        f"horizons ({needed} h with the windows of this catalog) back in the log; set at least {needed}"
    )
    raise ConfigError(message)


def _explain_partitions(topic: Topic, there: int) -> str:
    if topic.partitions == 1:
        return (
            f"topic {topic.name} has {there} partitions, but it must have one, so that every worker reads it in one "
            "order: delete it and run `touchpoint topics apply`, or choose another TOUCHPOINT_TOPIC_PREFIX"
        )
    return (
        f"topic {topic.name} has {there} partitions, the settings say {topic.partitions}: another count would send the "
        f"events of an interaction to two partitions. Set TOUCHPOINT_PARTITIONS={there}, or start a new log: choose "
        "another TOUCHPOINT_TOPIC_PREFIX, apply, let producers change over, and drain the old log"
    )


def _connect(address: str) -> KafkaAdminClient:
    message = f"no Kafka broker answers at {address}: is it running? (`touchpoint stack status`)"
    if not anybody_listens(address):
        raise KafkaUnavailableError(message)
    try:
        return kafka_admin.connect(address.split(","), connect_ms=int(_CONNECT_SECONDS * 1000), request_ms=TIMEOUT_MS)
    except ClientError as error:
        raise KafkaUnavailableError(message) from error


def anybody_listens(address: str) -> bool:
    """Whether a broker takes connections: a client would try for its whole time-out, and leave its sockets open."""
    return any(_listens(server) for server in address.split(","))


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _look(admin: KafkaAdminClient, plan: Iterable[Topic]) -> dict[str, Found]:
    there = set(admin.list_topics())
    names = [topic.name for topic in plan if topic.name in there]
    if not names:
        return {}
    partitions = {entry["name"]: len(entry["partitions"]) for entry in admin.describe_topics(names)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configured = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: Found(partitions[name], {key: entry["value"] for key, entry in configured[name].items()})
        for name in names
    }


def _create(admin: KafkaAdminClient, plan: Iterable[Topic], missing: set[str]) -> None:
    wanted = {
        topic.name: {"num_partitions": topic.partitions, "configs": dict(topic.settings)}
        for topic in plan
        if topic.name in missing
    }
    if wanted:
        admin.create_topics(wanted, timeout_ms=TIMEOUT_MS, wait_for_metadata=True)


def _await(admin: KafkaAdminClient, plan: tuple[Topic, ...]) -> None:
    """A broker shows a change a little after it has accepted it; whoever comes next must not see the old state."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while left := differences(plan, _look(admin, plan)):
        if time.monotonic() > deadline:
            message = f"the broker accepted {left[0].setting} of {left[0].topic}, but it does not take effect"
            raise KafkaError(message)
        time.sleep(_POLL_SECONDS)


def _alter(admin: KafkaAdminClient, changes: list[Change]) -> None:
    by_topic: dict[str, dict[str, str]] = {}
    for change in changes:
        by_topic.setdefault(change.topic, {})[change.setting] = change.after
    if not by_topic:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name, wanted in by_topic.items()]
    answers = admin.alter_configs(resources)["topic"]
    refused = [f"{name}: {answer}" for name, answer in answers.items() if answer != "OK"]
    if refused:
        message = f"the broker refuses to change {'; '.join(refused)}"
        raise KafkaError(message)
