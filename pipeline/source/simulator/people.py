"""Invented customers: opaque ids, segments, and what they will say afterwards if somebody asks.

All of a customer's luck is drawn on arrival, so that the same customers come, with the same matters, whatever else
happens that day.
"""

import random
from hashlib import blake2b
from typing import Final

from msgspec import Struct

POPULATION: Final = 60_000
SEGMENTS: Final = ("private", "private", "private", "private", "family", "family", "business", "student")


class Person(Struct, frozen=True):
    """One customer. `asked`, `mood`, `delay`, `temper`: draws from 0 to 1 that decide on answers and complaints."""

    customer: str
    segment: str
    asked: float
    mood: float
    delay: float
    temper: float


def draw_person(chance: random.Random) -> Person:
    """Somebody comes."""
    number = chance.randrange(POPULATION)
    customer = f"c-{blake2b(number.to_bytes(4, 'big'), digest_size=5).hexdigest()}"
    segment = SEGMENTS[number % len(SEGMENTS)]
    return Person(customer, segment, chance.random(), chance.random(), chance.random(), chance.random())
