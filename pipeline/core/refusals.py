"""Why a shard rejects a record, in words: like all that is stored, they follow from the log alone."""

from typing import Final

NO_CUSTOMER: Final = "no event of a customer belongs to this operation"
OTHER_BYTES: Final = "an event of this source and id came with other bytes"
OVER: Final = "its interaction is over"
OLD: Final = "older than the horizon"
# One sentence, for which of the two is found first depends on when a look-up was answered.
OLD_OR_FORGOTTEN: Final = "its interaction was over and forgotten, or it is older than the horizon"
