"""The ingestor, unmodified but for a publisher that keeps any pace.

The office's own publisher is made for an event every 2 s, and lets time pass where it was held up.
This one knows when each event is due and makes up for lost time, so that no wait goes unmeasured.
"""

import json
import os
import threading
import time
from pathlib import Path

import ingestor
from pipeline.core.errors import exit_on_office_error
from utils.pipeline_utils import Sink

FOLDER = "BENCH_FOLDER"
"""Where a file of lines per stream is; beside each goes when its publishing began and ended."""
RATE = "BENCH_RATE"
"""Events a second, of each stream."""

BEGIN_IN_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 0.1
# Shorter sleeps are not kept to anyway; what falls due meanwhile is published at once.
SHORTEST_WAIT_SECONDS = 0.001


class PacedPublisher:
    """Publishes the lines of each stream's file, the n-th n/rate seconds after the first."""

    def __init__(self, sinks: dict[str, Sink], **_office: object) -> None:
        self._folder, self._rate = Path(os.environ[FOLDER]), float(os.environ[RATE])
        self._stopping = threading.Event()
        self._began = time.time() + BEGIN_IN_SECONDS
        self._threads = [
            threading.Thread(target=self._publish_all, args=sink, name=f"publisher-{sink[0]}")
            for sink in sinks.items()
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Publishes nothing more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    def _publish_all(self, stream: str, sink: Sink) -> None:
        with (self._folder / f"{stream}.jsonl").open("rb") as lines:
            for number, line in enumerate(lines):
                self._wait_until(self._began + number / self._rate)
                payload = line.rstrip(b"\n")
                while not sink.publish(payload, LONGEST_WAIT_SECONDS):
                    if self._stopping.is_set():
                        return
                if self._stopping.is_set():
                    return
        said = json.dumps({"began": self._began, "ended": time.time()})
        (self._folder / f"{stream}.json").write_text(said, encoding="utf-8")

    def _wait_until(self, due: float) -> None:
        while (wait := due - time.time()) > 0 and not self._stopping.is_set():
            time.sleep(min(max(wait, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS))


if __name__ == "__main__":
    vars(ingestor)["Publisher"] = PacedPublisher
    exit_on_office_error(ingestor.main)
