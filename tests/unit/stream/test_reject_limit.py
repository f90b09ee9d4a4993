"""When rejects stop a worker, seen from where records are folded."""

import pytest

from pipeline.core.shard import Shard
from pipeline.errors import RejectShareError
from pipeline.settings import Settings
from pipeline.stream.decode import Record
from pipeline.stream.folding import Folding
from pipeline.stream.reject_limit import RejectLimit
from tests.contract.records import PARTITION, encoded, kafka_record, small_catalog, small_decoder

LONGEST_RUN = 3


def folding(limit: RejectLimit) -> Folding:
    return Folding(PARTITION, Shard(small_catalog(), 0), small_decoder(), limit)


def good(offset: int) -> Record:
    record: Record = kafka_record(*encoded("queued", f"id-{offset}"), offset=offset)
    return record


def bad(offset: int) -> Record:
    record: Record = kafka_record(b"call-1", None, [], offset=offset)
    return record


def test_good_record_in_a_batch_of_its_own_ends_a_run() -> None:
    one = folding(RejectLimit(Settings(reject_run_limit=LONGEST_RUN)))
    for offset in range(0, 20, 2):
        one.fold([bad(offset)])
        one.fold([good(offset + 1)])


def test_good_record_of_another_partition_ends_a_run() -> None:
    limit = RejectLimit(Settings(reject_run_limit=LONGEST_RUN))
    one, other = folding(limit), folding(limit)
    for offset in range(10):
        one.fold([bad(offset)])
        other.fold([good(offset)])


def test_run_goes_on_over_batches() -> None:
    one = folding(RejectLimit(Settings(reject_run_limit=LONGEST_RUN)))
    one.fold([good(0), bad(1)])
    one.fold([bad(2)])
    with pytest.raises(RejectShareError, match="3 records in a row"):
        one.fold([bad(3)])
