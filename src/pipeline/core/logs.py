"""The log of the entry points: a line per event, `key=value` pairs (logfmt), never a payload.

    time=2026-11-24T14:00:02.120Z level=info logger=pipeline.merge.merge event="batch merged"

The event is the message; its fields are what a call passes as `extra`.
"""

import json
import logging
import re
from datetime import UTC, datetime

# The attributes that every record has; all others are fields of the event.
_OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
_PLAIN = re.compile(r"[\w.:/+-]+", re.ASCII)


class LogfmtFormatter(logging.Formatter):
    """Writes a record in one line.

    It leaves out tracebacks: their last line is the error's text, which can quote a row.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        head = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        return " ".join(f"{key}={_text(value)}" for key, value in (head | _fields(record)).items())


def configure_logging(*, level: int = logging.INFO) -> None:
    """Sends log lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogfmtFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Great Expectations logs error texts, and these hold values.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    # What Apprise and its HTTP client log can hold a receiver's secret.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)
    # This library logs every job that it runs.
    logging.getLogger("schedule").setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}
    if record.exc_info and record.exc_info[0]:
        fields["error"] = record.exc_info[0].__name__
    return fields


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    """A value as it is if it is plain, else quoted as JSON, so that a line stays one line."""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
