"""MurmurHash2 of a key as Kafka's Java clients take it, in whole words.

The client has the same hash byte by byte; asked once for each interaction, that alone was a twentieth of the worker's
CPU (tests/bench). Source of the formula: org.apache.kafka.common.utils.Utils.murmur2.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

SEED: Final = 0x9747B28C
MIX: Final = 0x5BD1E995
MASK: Final = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The hash, 0 to 2^32 - 1."""
    length = len(key)
    state = SEED ^ length
    for word in words_of(length >> 2)(key):
        mixed = word * MIX & MASK
        state = (state * MIX ^ (mixed ^ mixed >> 24) * MIX) & MASK
    if rest := length & 3:
        state = (state ^ int.from_bytes(key[-rest:], "little")) * MIX & MASK
    state = (state ^ state >> 13) * MIX & MASK
    return state ^ state >> 15


@lru_cache(maxsize=1024)
def words_of(count: int) -> Callable[[bytes], tuple[Any, ...]]:
    """What reads the first `count` words of four bytes, lowest byte first."""
    return Struct(f"<{count}I").unpack_from
