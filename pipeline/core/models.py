"""A scoring model as data: elements, caps, owners and its fingerprint.

Owns the shape; `model_check.py` refuses bad ones, `scoring.py` applies good ones.
"""

from msgspec import Struct


class Model(Struct, frozen=True, kw_only=True):
    """One version of the rules by which touch-points are scored."""

    name: str
    version: int
    fingerprint: str
