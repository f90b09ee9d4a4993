"""How an event is wrapped as a CloudEvent on Kafka: names of attributes, content types and schemas.

Owns the words that `stream/decode.py` reads and `source/encode.py` writes; must not know clients or payloads.
"""

from typing import Final

SPEC_VERSION: Final = "1.0"
SPEC_VERSION_HEADER: Final = "ce_specversion"
ID_HEADER: Final = "ce_id"
TYPE_HEADER: Final = "ce_type"
SOURCE_HEADER: Final = "ce_source"
TIME_HEADER: Final = "ce_time"
SCHEMA_HEADER: Final = "ce_dataschema"
CONTENT_TYPE_HEADER: Final = "content-type"
JSON: Final = "application/json"
STRUCTURED_JSON: Final = "application/cloudevents+json"

# Between source and id in an event's identity: no source may hold it, so the two cannot run together.
IDENTITY_SEPARATOR: Final = "\x1f"
MAX_ATTRIBUTE_BYTES: Final = 512


def schema_name(kind: str, version: str) -> str:
    """What `ce_dataschema` says: the event's kind and its SchemaVer, MODEL-REVISION-ADDITION."""
    return f"urn:touchpoint:{kind}:{version}"
