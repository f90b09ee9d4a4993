import zlib

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from pipeline.source.producer import partition_of


@given(st.binary(min_size=1, max_size=40), st.integers(min_value=1, max_value=64))
def test_murmur2_places_keys_as_other_clients_do(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions, False) == (murmur2(key) & 0x7FFFFFFF) % partitions  # noqa: FBT003


@pytest.mark.parametrize(("key", "checksum"), [(b"123456789", 0xCBF43926), (b"a", 0xE8B7BE43)])
def test_crc32_places_keys_by_the_checksum_of_librdkafka(key: bytes, checksum: int) -> None:
    assert zlib.crc32(key) == checksum
    assert partition_of(key, 7, True) == checksum % 7  # noqa: FBT003
