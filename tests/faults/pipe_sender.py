"""A publisher that notes what it has written to its pipes: `python -m faults.pipe_sender`.

It sends bursts of a pipe's size until its standard input ends, and sleeps in between.
"""

import itertools
import json
import sys
import threading
from pathlib import Path
from typing import Final

from publisher import SIMULATED
from utils.pipes import READ_BYTES, PipeSink, frame_of

PAUSE_SECONDS: Final = 0.3
# Larger than what is written to a pipe at once: a kill can cut it off.
LARGE_EVERY: Final = 300
LARGE_BYTES: Final = 20_000


def event(stream: str, number: int) -> bytes:
    """The event of a number, the same at each call."""
    content = {"code": "03230", "price": 3} if stream == "claim" else {"icd10_code": "R41.3"}
    note = "" if number % LARGE_EVERY else "x" * LARGE_BYTES
    return json.dumps(
        {"id": number, "patient_id": 1 + number % 1000, **content, "note": note}
    ).encode()


def notes_of(folder: Path, stream: str, first: int) -> Path:
    """The file of the numbers that a sender has written to the pipe."""
    return folder / f"{stream}-{first:012}.sent"


def send(folder: Path, stream: str, first: int, stop: threading.Event) -> None:
    """Sends the events from a number on."""
    sink = PipeSink(folder / stream, stream)
    burst = 0
    with notes_of(folder, stream, first).open("wb", buffering=0) as notes:
        for number in itertools.count(first):
            payload = event(stream, number)
            while not sink.publish(payload, 0.1):
                if stop.is_set():
                    return
            notes.write(b"%d\n" % number)
            burst += len(frame_of(payload))
            if burst >= READ_BYTES:
                burst = 0
                if stop.wait(PAUSE_SECONDS):
                    return


def main() -> None:
    """Sends both streams from a number on."""
    folder, first = Path(sys.argv[1]), int(sys.argv[2])
    stop = threading.Event()
    threads = [
        threading.Thread(target=send, args=(folder, stream, first, stop)) for stream in SIMULATED
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
