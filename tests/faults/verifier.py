"""Runs `office.py verify` about every second, in a process that imports it once.

`python -m faults.verifier`; prints a line of JSON a run: the exit code, and the promises that it
says are broken. A database that can't be reached is no verdict.
"""

import io
import json
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import office
from pipeline.core.errors import OfficeError

EVERY_SECONDS = 1.0


def main() -> None:
    """Goes on until it is killed, or nobody reads what it prints."""
    while True:
        started = time.monotonic()
        sys.stdout.write(json.dumps(verdict()) + "\n")
        sys.stdout.flush()
        time.sleep(max(0.0, started + EVERY_SECONDS - time.monotonic()))


def verdict() -> dict[str, Any]:
    """What one run says."""
    out = io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            office.office(["verify", "--json"], standalone_mode=False)
    except OfficeError:
        return {"code": None, "broken": []}
    except SystemExit as ended:
        return {"code": ended.code, "broken": broken(out.getvalue())}
    return {"code": 0, "broken": []}


def broken(text: str) -> list[str]:
    """The promises that don't hold, by name."""
    promises: list[dict[str, Any]] = json.loads(text)
    return [promise["name"] for promise in promises if promise["rows_at_fault"]]


if __name__ == "__main__":
    main()
