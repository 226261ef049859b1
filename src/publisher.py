"""The simulated doctor's office: publishes claims and diagnoses like the practice that it imitates.

One in ten events repeats an id. Nearly all of these have another content: the practice draws an
earlier number, and all other fields anew, and skips the number that was due. The few others are an
event of before, byte for byte, as a network sends it again. Patient 0, whom nobody knows, occurs.
"""

import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from random import Random
from typing import Final, TypeVar

from utils.pipeline_utils import RefusedError, Sink

# The procedure codes that the practice bills, each with its price.
FEES: Final[Mapping[str, int]] = {"03003": 5, "29001": 10, "45001": 20, "03230": 3}

# The diagnosis codes of the practice.
DIAGNOSES: Final = ("A77.9", "R41.3", "J45.998", "J44.9")

_RECENT_EVENTS: Final = 100
_POLL_SECONDS: Final = 0.1
_ERROR_WAIT_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A claim as it is published, with its fields in this order."""

    id: int
    patient_id: int
    code: str
    price: int


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosis as it is published, with its fields in this order."""

    id: int
    patient_id: int
    icd10_code: str


@dataclass(frozen=True)
class _Shares:
    """The share of events that repeat an id, and the share of these that have another content."""

    duplicate: float
    conflict: float

    def __post_init__(self) -> None:
        _check_share("duplicate_share", self.duplicate)
        _check_share("conflict_share", self.conflict)


Event = TypeVar("Event", Claim, Diagnosis)


def claims(
    first_id: int,
    rng: Random,
    *,
    first_patient: int = 0,
    patients: int = 1000,
    duplicate_share: float = 0.1,
    conflict_share: float = 0.9,
) -> Iterator[bytes]:
    """Yield claims without end, as JSON; the same `rng` yields the same claims.

    Args:
        first_id: The first id; events count up from it.
        rng: The source of randomness.
        first_patient: The lowest patient id. The office knows no patient 0.
        patients: The highest patient id.
        duplicate_share: The share of events that repeat an earlier id.
        conflict_share: The share of these whose other fields are drawn anew.

    Raises:
        ValueError: A share is not within 0 to 1, there is no patient, or the id is negative.
    """
    shares = _Shares(duplicate_share, conflict_share)
    _check_ids(first_id, first_patient, patients)

    def new(event_id: int) -> Claim:
        code, price = rng.choice(list(FEES.items()))
        return Claim(event_id, rng.randint(first_patient, patients), code, price)

    return _with_repeats(first_id, rng, new, shares)


def diagnoses(
    first_id: int,
    rng: Random,
    *,
    first_patient: int = 0,
    patients: int = 1000,
    duplicate_share: float = 0.1,
    conflict_share: float = 0.9,
) -> Iterator[bytes]:
    """Yield diagnoses without end, as JSON; the same `rng` yields the same diagnoses.

    Args:
        first_id: The first id; events count up from it.
        rng: The source of randomness.
        first_patient: The lowest patient id. The office knows no patient 0.
        patients: The highest patient id.
        duplicate_share: The share of events that repeat an earlier id.
        conflict_share: The share of these whose other fields are drawn anew.

    Raises:
        ValueError: A share is not within 0 to 1, there is no patient, or the id is negative.
    """
    shares = _Shares(duplicate_share, conflict_share)
    _check_ids(first_id, first_patient, patients)

    def new(event_id: int) -> Diagnosis:
        return Diagnosis(event_id, rng.randint(first_patient, patients), rng.choice(DIAGNOSES))

    return _with_repeats(first_id, rng, new, shares)


def next_due(due: float, now: float, period: float) -> float:
    """Return when the event after the one due at `due` is due; all in seconds.

    While publishing is on time, events are due at exact multiples of the period. After a sink has
    blocked, the period is counted anew from now, so that no burst follows.
    """
    kept = due + period
    return kept if kept - now >= period / 2 else now + period


class Publisher:
    """Publishes each stream at a steady pace, in its own thread. It can be started once.

    When a sink is full, its stream waits. An event is left out only if its sink can never take it,
    and the log says so.

    Args:
        sinks: The sink of each stream.
        every_seconds: The time from one event of a stream to the next.
        duplicate_share: The share of events that repeat an earlier id.
        conflict_share: The share of these whose other fields are drawn anew.
        patients: The highest patient id; the lowest is 0.
        first_ids: The first id of each stream.
        seed: Makes the events repeatable; with None they differ each time.
        office: The number of the office that the events carry; None for no number.

    Raises:
        ValueError: A stream is unknown or has no first id, the time is not positive, a share is
            not within 0 to 1, there is no patient, or an id is negative.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        every_seconds: float = 2.0,
        duplicate_share: float = 0.1,
        conflict_share: float = 0.9,
        patients: int = 1000,
        first_ids: Mapping[str, int],
        seed: int | None = None,
        office: int | None = None,
    ) -> None:
        _check_streams(sinks, first_ids)
        if not (every_seconds > 0 and math.isfinite(every_seconds)):
            raise ValueError(f"every_seconds is {every_seconds}; it must be positive")
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        payloads = {
            stream: _EVENTS[stream](
                first_ids[stream],
                _random(seed, stream),
                patients=patients,
                duplicate_share=duplicate_share,
                conflict_share=conflict_share,
            )
            for stream in sinks
        }
        if office is not None:
            carrying = partial(of_office, office=office)
            payloads = {stream: map(carrying, events) for stream, events in payloads.items()}
        self._threads = [
            threading.Thread(
                target=self._publish_all,
                args=(stream, sink, payloads[stream]),
                name=f"publisher-{stream}",
            )
            for stream, sink in sinks.items()
        ]

    def start(self) -> None:
        """Start publishing; the first event of each stream is published at once.

        Raises:
            RuntimeError: It was started before.
        """
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Publish nothing more; True if every thread ended within `timeout` seconds."""
        self._stopping.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(deadline - time.monotonic())
        return not any(thread.is_alive() for thread in self._threads)

    def _publish_all(self, stream: str, sink: Sink, payloads: Iterator[bytes]) -> None:
        due = time.monotonic()
        for payload in payloads:
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                return
            self._publish(stream, sink, payload)
            due = next_due(due, time.monotonic(), self._every_seconds)

    def _publish(self, stream: str, sink: Sink, payload: bytes) -> None:
        """Offer one event until the sink takes or refuses it, or the publisher stops."""
        while not self._stopping.is_set():
            try:
                if sink.publish(payload, _POLL_SECONDS):
                    return
                # A closed sink answers at once.
                self._stopping.wait(_POLL_SECONDS)
            except RefusedError as refused:
                left = {"stream": stream, "bytes": len(payload), "reason": str(refused)}
                _logger.error("event refused, it is never published", extra=left)  # noqa: TRY400
                return
            except Exception as error:  # noqa: BLE001 - one failure must not end the stream
                failed = {"stream": stream, "error": type(error).__name__}
                _logger.warning("not published, trying again", extra=failed)
                self._stopping.wait(_ERROR_WAIT_SECONDS)


_EVENTS: Final = {"claim": claims, "diagnose": diagnoses}
SIMULATED: Final = tuple(_EVENTS)
"""The streams that a publisher can publish."""


def _random(seed: int | None, stream: str) -> Random:
    """Return a separate generator for the stream, so that no stream depends on another's pace."""
    return Random(None if seed is None else f"{seed} {stream}")  # noqa: S311 - nothing secret


def _with_repeats(
    first_id: int, rng: Random, new: Callable[[int], Event], shares: _Shares
) -> Iterator[bytes]:
    number = first_id
    recent: deque[Event] = deque(maxlen=_RECENT_EVENTS)
    while True:
        repeats = rng.random() < shares.duplicate
        if repeats and recent and rng.random() >= shares.conflict:
            yield _json(rng.choice(recent))
            continue
        event = new(rng.randint(first_id, number) if repeats else number)
        # Each of these is the first of its id, so that it can be sent again without a conflict.
        if event.id == number:
            recent.append(event)
        number += 1
        yield _json(event)


def of_office(payload: bytes, office: int) -> bytes:
    """Return the event with the number of its office added."""
    return json.dumps({**json.loads(payload), "office": office}).encode()


def _json(event: Claim | Diagnosis) -> bytes:
    return json.dumps(asdict(event)).encode()


def _check_streams(sinks: Mapping[str, Sink], first_ids: Mapping[str, int]) -> None:
    for stream in sinks:
        if stream not in SIMULATED:
            raise ValueError(f"unknown stream {stream}; there are {', '.join(SIMULATED)}")
        if stream not in first_ids:
            raise ValueError(f"stream {stream} has no first id")


def _check_ids(first_id: int, first_patient: int, patients: int) -> None:
    if first_id < 0:
        raise ValueError(f"first_id is {first_id}; it must not be negative")
    if patients < max(1, first_patient):
        raise ValueError(f"patients is {patients}; there must be at least 1")


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {share}; it must be within 0 and 1")
