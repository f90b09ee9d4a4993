"""What operators do to a group while no worker is there: they rewind it, or delete it."""

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.at_work import Corner, LogWatch, drain, forget, make_corner
from tests.faults.judge import SETTINGS, assert_as_undisturbed
from tests.integration.conftest import RunningStack
from tests.traffic import send, unruly

pytestmark = pytest.mark.timeout(180)

MESSAGES = unruly(21, 400, hours=30)


@pytest.fixture
def worked_off(stack: RunningStack) -> Iterator[Corner]:
    """Two thirds of the log, worked off; the rest has not come yet."""
    made = make_corner(stack, **SETTINGS)
    send(made, MESSAGES[: len(MESSAGES) * 2 // 3])
    drain(made)
    yield made
    forget(made)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_group_that_was_rewound_writes_the_same_again(worked_off: Corner, share: float) -> None:
    with LogWatch(worked_off) as watch:
        rewound = {number: int(position * share) for number, position in watch.committed().items()}
    group = KafkaConsumer(bootstrap_servers=worked_off.stack.kafka, group_id=worked_off.group, enable_auto_commit=False)
    # As Kafka's own tool does: the metadata that we keep beside an offset is gone.
    group.commit(
        {TopicPartition(worked_off.topic, number): OffsetAndMetadata(to, "", -1) for number, to in rewound.items()}
    )
    group.close()
    with LogWatch(worked_off) as watch:
        assert watch.committed() == rewound
    send(worked_off, MESSAGES[len(MESSAGES) * 2 // 3 :])
    assert_as_undisturbed(worked_off)


def test_a_group_that_was_deleted_writes_the_same_again(worked_off: Corner) -> None:
    admin = KafkaAdminClient(bootstrap_servers=worked_off.stack.kafka)
    admin.delete_groups([worked_off.group])
    admin.close()
    with LogWatch(worked_off) as watch:
        assert set(watch.committed().values()) == {0}
    send(worked_off, MESSAGES[len(MESSAGES) * 2 // 3 :])
    assert_as_undisturbed(worked_off)
