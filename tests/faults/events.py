"""What the harness publishes: the office's own events, moved to the past, some of them bad."""

import itertools
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from faults.broker import Broker
from publisher import SIMULATED, claims, diagnoses

if TYPE_CHECKING:
    from collections.abc import Iterator

# In every event and every patient's name; it may stand in tables, and nowhere else.
CANARY = "Canary"

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
WINDOWS = 36
KEPT = 500


class Events:
    """Events of both streams without end; the same seed makes the same ones."""

    def __init__(self, seed: str) -> None:
        self._rng = Random(seed)
        self._numbers = itertools.count()
        self.count = 0
        self._made: dict[str, Iterator[bytes]] = {
            "claim": claims(0, self._rng, duplicate_share=0.2, conflict_share=0.3),
            "diagnose": diagnoses(0, self._rng, duplicate_share=0.2, conflict_share=0.3),
        }
        self._earlier: dict[str, list[bytes]] = {stream: [] for stream in SIMULATED}

    def next(self, stream: str) -> bytes:
        """Mostly a good event; now and then one byte for byte as before, or a bad one."""
        self.count += 1
        kind = self._rng.random()
        if kind < 0.05 and self._earlier[stream]:
            return self._rng.choice(self._earlier[stream])
        event = self._dated(next(self._made[stream]))
        if kind < 0.08:
            return self._spoilt(event)
        payload = json.dumps(event).encode()
        self._earlier[stream] = [*self._earlier[stream][-KEPT:], payload]
        return payload

    def _dated(self, payload: bytes) -> dict[str, object]:
        """With a time of its own, in a window that has closed long ago."""
        seconds = self._rng.choice((0, 0.000001, 1, 300, 599, 599.999999))
        moment = BEGINNING + timedelta(minutes=10 * self._rng.randrange(WINDOWS), seconds=seconds)
        note = f"{CANARY} {next(self._numbers)}"
        return {**json.loads(payload), "tsp": moment.isoformat(), "note": note}

    def _spoilt(self, event: dict[str, object]) -> bytes:
        payload = json.dumps(event).encode()
        return self._rng.choice(
            (
                payload[:-3],
                b"\xff" + payload,
                payload + b"\0",
                json.dumps({**event, "patient_id": 4711}).encode(),
                json.dumps({**event, "id": f"{CANARY}"}).encode(),
                json.dumps({**event, "tsp": f"{CANARY}"}).encode(),
            )
        )


class Feeder:
    """Publishes both streams at a steady pace while it is told to, in a thread of its own."""

    def __init__(self, broker: Broker, events: Events, *, every_seconds: float) -> None:
        self._broker = broker
        self._events = events
        self._every_seconds = every_seconds
        self._publishing = threading.Lock()
        self._flowing = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._thread.start()

    def resume(self) -> None:
        self._flowing.set()

    def pause(self) -> None:
        """Nothing is published after it has returned."""
        self._flowing.clear()
        with self._publishing:
            pass

    def publish(self, count: int) -> None:
        """So many events of each stream at once."""
        with self._publishing:
            for _ in range(count):
                self._publish_one_each()

    def next(self, stream: str) -> bytes:
        """An event that is not published, for whoever stages it in another way."""
        with self._publishing:
            return self._events.next(stream)

    def close(self) -> None:
        self._closing.set()
        self._flowing.set()
        self._thread.join()

    def _feed(self) -> None:
        while not self._closing.is_set():
            self._flowing.wait()
            with self._publishing:
                if self._flowing.is_set():
                    self._publish_one_each()
            time.sleep(self._every_seconds)

    def _publish_one_each(self) -> None:
        for stream in SIMULATED:
            self._broker.publish(stream, self._events.next(stream))
