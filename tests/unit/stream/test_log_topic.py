"""What a topic's configuration says of how long its records stay."""

import pytest

from pipeline.stream.log_topic import COMPACTION_LAG, FOR_EVER, POLICY, RETENTION, kept_whole


@pytest.mark.parametrize(
    ("policy", "retention", "lag", "kept"),
    [
        ("compact", 7, 5, 5),
        ("compact", -1, 5, 5),
        ("delete", 7, 5, 7),
        ("delete", -1, 5, FOR_EVER),
        ("compact,delete", 7, 9, 7),
        ("delete,compact", -1, 9, 9),
    ],
)
def test_a_topic_keeps_its_records_until_the_first_of_its_policies_removes_any(
    policy: str, retention: int, lag: int, kept: int
) -> None:
    assert kept_whole({POLICY: policy, RETENTION: str(retention), COMPACTION_LAG: str(lag)}) == kept
