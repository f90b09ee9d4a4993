"""Our hash is the one by which producers choose partitions."""

import pytest
from aiokafka.partitioner import murmur2 as by_the_client
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stream.murmur2 import murmur2


@given(st.binary(max_size=300))
def test_it_is_the_hash_of_the_client(key: bytes) -> None:
    assert murmur2(key) == by_the_client(key) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "expected"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_it_is_the_hash_of_the_java_client(key: bytes, expected: int) -> None:
    """The numbers are those of Kafka's own test, UtilsTest.testMurmur2."""
    assert murmur2(key) == expected % 2**32
