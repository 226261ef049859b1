"""Logging of the entry points: one line an event, UTC, never a payload."""

import logging
import time


def configure_logging(*, level: int = logging.INFO) -> None:
    """Sends log lines to standard error."""
    formatter = logging.Formatter(
        "%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Great Expectations logs error texts, which hold values; our results say what matters.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    # It tells of every job, and of its own accord.
    logging.getLogger("schedule").setLevel(logging.WARNING)
