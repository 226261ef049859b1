"""The contract of a raw row in words. Its rules are SQL: `sql/schema/repeatable/*_contract.sql`."""

from typing import Final

from pipeline.core.streams import STREAMS, Stream

# What becomes of a raw row when it is merged.
FATES: Final = ("merged", "duplicate", "conflict", "rejected")

_OF_EVERY_STREAM: Final = {
    "not_json": "the payload is not JSON text",
    "too_large": "the payload is larger than 1 MiB",
    "too_deep": "the payload is nested more than 1,000 deep",
    "not_object": "the payload is JSON, but not an object",
    "unstorable": "the payload holds something that PostgreSQL can't store: \\u0000, half a "
    "character, or a number beyond its range",
    "duplicate_key": "the object has a key twice",
    "bad_office": "ids are per office, and the office is not an integer from 0 to 92,000",
    "bad_id": "the id is not an integer of 0 or more that fits in 64 bits",
    "bad_patient_id": "the patient_id is not an integer",
}
_LAST_OF_EVERY_STREAM: Final = {
    "bad_tsp": "the tsp is not a time with an offset in a form of RFC 3339 or ISO 8601 that is "
    "taken, or is more than a day after the arrival",
    "unknown_patient": "no patient in the table has the patient_id",
}
# The one reason that is no rule. The merge gives it to a row that fails by itself again and again.
_OF_NO_RULE: Final = {
    "unprocessable": "the row can't be processed: it takes too long or too much memory, or an "
    "error that nobody foresaw comes of it",
}

# Why a raw row is rejected, in the order in which the rules are checked.
REASONS: Final = {
    **_OF_EVERY_STREAM,
    **{
        reason: meaning for stream in STREAMS.values() for reason, meaning in stream.reasons.items()
    },
    **_LAST_OF_EVERY_STREAM,
    **_OF_NO_RULE,
}


def reasons_of(stream: Stream) -> dict[str, str]:
    """Why a raw row of a stream is rejected, in the order in which the rules are checked."""
    return {**_OF_EVERY_STREAM, **stream.reasons, **_LAST_OF_EVERY_STREAM, **_OF_NO_RULE}
