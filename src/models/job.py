"""Calls a job that must not end its thread, whatever it raises."""

import logging
from collections.abc import Callable

_logger = logging.getLogger(__name__)


def succeeds(job: Callable[[], object], *, name: str) -> bool:
    """Call a job; if it raises, log that, and return False.

    Args:
        job: What to call; its return value is ignored.
        name: What the log calls it.
    """
    try:
        job()
    except Exception as error:  # noqa: BLE001 - the next call must come, whatever this one raised
        # Only the class: the text of an error may quote a patient's data.
        failed = {"job": name, "error": type(error).__name__}
        _logger.error("job failed", extra=failed)  # noqa: TRY400
        return False
    return True
