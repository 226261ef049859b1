"""What to do about a rejected raw row. What its reason means is in `contract.py`."""

from typing import Final

SEND_AGAIN: Final = "correct it at its source, and send it again"

# The reasons for which there is something else to do.
OTHER_REMEDIES: Final = {
    "unknown_patient": "add the patient: the row is then merged by itself",
    "unprocessable": "remove the cause (the log has its SQLSTATE), then run: python src/office.py "
    "replay --reason unprocessable",
}


def remedy_of(reason: str) -> str:
    """What to do about a raw row that was rejected for this reason."""
    return OTHER_REMEDIES.get(reason, SEND_AGAIN)
