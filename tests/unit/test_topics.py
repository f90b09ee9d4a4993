"""The plan of the topics: what it sets, what it changes, what it refuses."""

import dataclasses

import pytest

from pipeline.errors import ConfigError, TopicError
from pipeline.settings import Settings
from pipeline.topics import Change, Found, Topic, differences, planned


def plan(**settings: int) -> dict[str, Topic]:
    changed = Settings().model_copy(update=settings)
    return {topic.name.partition(".")[2]: topic for topic in planned(changed)}


def as_found(topics: dict[str, Topic]) -> dict[str, Found]:
    return {topic.name: Found(topic.partitions, {**topic.settings, "segment.ms": "1"}) for topic in topics.values()}


def test_log_and_conditions_are_stamped_by_the_broker() -> None:
    topics = plan()

    stamped = {
        name for name, topic in topics.items() if topic.settings.get("message.timestamp.type") == "LogAppendTime"
    }

    assert stamped == {"events", "conditions"}


def test_conditions_are_compacted_in_one_partition_and_not_before_the_log_forgets() -> None:
    topics = plan(log_retention_hours=100)

    conditions, log = topics["conditions"], topics["events"]

    assert conditions.partitions == 1
    assert conditions.settings["cleanup.policy"] == "compact"
    assert int(conditions.settings["min.compaction.lag.ms"]) >= int(log.settings["retention.ms"]) == 360_000_000


def test_rejects_have_room_for_what_they_add() -> None:
    topics = plan(max_record_bytes=2_000_000)

    assert topics["events"].settings["max.message.bytes"] == "2000000"
    assert topics["rejected"].settings["max.message.bytes"] == str(2_000_000 + 64 * 1024)


def test_retention_below_two_horizons_is_refused_with_the_number_to_set() -> None:
    with pytest.raises(ConfigError, match="set at least 30"):
        plan(log_retention_hours=29)


def test_topics_as_planned_need_no_change() -> None:
    topics = plan()

    assert differences(topics.values(), as_found(topics)) == []


def test_only_what_differs_is_changed() -> None:
    topics = plan()
    found = as_found(topics)
    found["touchpoint.feedback"] = Found(8, {**topics["feedback"].settings, "retention.ms": "5"})

    changes = differences(topics.values(), found)

    assert changes == [Change("touchpoint.feedback", "retention.ms", "5", topics["feedback"].settings["retention.ms"])]


def test_missing_topic_is_made_with_all_its_settings() -> None:
    topics = plan()
    found = as_found(topics)
    del found["touchpoint.rejected"]

    changes = differences(topics.values(), found)

    assert {change.topic for change in changes} == {"touchpoint.rejected"}
    assert {change.before for change in changes} == {None}
    assert {change.setting for change in changes} == {"partitions", *topics["rejected"].settings}


@pytest.mark.parametrize(("name", "advice"), [("events", "TOUCHPOINT_PARTITIONS=3"), ("conditions", "must have one")])
def test_other_partition_count_is_refused_with_instructions(name: str, advice: str) -> None:
    topics = plan()
    found = as_found(topics)
    found[f"touchpoint.{name}"] = dataclasses.replace(found[f"touchpoint.{name}"], partitions=3)

    with pytest.raises(TopicError, match=advice):
        differences(topics.values(), found)
