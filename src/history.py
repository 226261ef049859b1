"""A history of the simulated office: hours of claims and diagnoses, each with its own time.

It imitates the practice like `publisher.py`: its codes and prices, and one in ten events with an id
that was used before. It also contains what happens in a real office: busy and quiet hours, an hour
without a connection, late events, events sent twice, a mistyped price, and a program that writes
prices as text.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from random import Random
from typing import Any, Final

from publisher import DIAGNOSES, FEES

HOUR: Final = timedelta(hours=1)
FEWEST_WINDOWS: Final = 6
"""The shortest history that has room for the examples to look at."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# How busy the office is at each full hour (UTC): 1 means one event every 2 s. The average is 1.
BUSY: Final = (
    *(0.12, 0.10, 0.08, 0.08, 0.10, 0.20),
    *(0.50, 1.20, 2.10, 2.50, 2.60, 2.40),
    *(1.30, 1.60, 2.30, 2.30, 1.90, 1.30),
    *(0.75, 0.50, 0.35, 0.25, 0.18, 0.14),
)
SECONDS_PER_EVENT: Final = 2.0

# The codes of the categories that the office reports on, each with the share of patients.
CHRONIC: Final = {"R41.3": 0.09, "J44.9": 0.16}
# The share of these patients who were diagnosed before the history begins.
KNOWN_SHARE: Final = 0.7
# The share of visits of such a patient that lead to this diagnosis.
CHRONIC_VISIT_SHARE: Final = 0.3

REUSED_SHARE: Final = 0.1
"""The share of events with an id of before, all other fields drawn anew."""
AGAIN_SHARE: Final = 0.03
"""The share of events that are sent again unchanged."""
SPOILT_SHARE: Final = 0.01
LATE_SHARE: Final = {"claim": 0.01, "diagnose": 0.005}
LATEST: Final = {"claim": timedelta(hours=3), "diagnose": timedelta(hours=8)}

# The share of claims whose price was sent as text while the till was being updated.
TILL_SHARE: Final = 0.6
# These claims were sent again within this time after the update.
_RESENT_WITHIN: Final = timedelta(minutes=20)
# A price of 20, typed with three zeros too many.
MISTYPED: Final = {"code": "45001", "price": 20000}

Fields = dict[str, Any]
Spoil = Callable[[Fields], bytes]


@dataclass(frozen=True)
class Arrival:
    """An event as it arrives."""

    at: datetime
    payload: bytes


@dataclass(frozen=True)
class Span:
    """A period of time, without its end."""

    since: datetime
    until: datetime
    window: timedelta

    def __contains__(self, moment: datetime) -> bool:
        """Whether a moment lies in the period."""
        return self.since <= moment < self.until

    def busiest_hour(self, begin: float, end: float) -> "Span":
        """The busiest hour, in whole windows, that begins between two shares of this period.

        In a short period it is less than an hour, but at least one window.
        """
        whole = self.until - self.since
        window = self.window
        first, last = (window_of(self.since + share * whole, window) for share in (begin, end))
        starts = [first + number * window for number in range((last - first) // window + 1)]
        length = max(window, min(HOUR, whole / 8) // window * window)
        since = max(starts, key=busy_at)
        return Span(since, since + length, window)


@dataclass(frozen=True)
class Examples:
    """Examples to look at: ids of claims, and starts of windows."""

    conflict: int
    unknown_patient: int
    mistyped: int
    window: datetime
    held_back: datetime
    gap: datetime


@dataclass(frozen=True)
class History:
    """What arrived between two moments, by stream and in the order of arrival."""

    since: datetime
    until: datetime
    arrivals: Mapping[str, list[Arrival]]
    examples: Examples

    def payloads(self, stream: str, since: datetime, until: datetime) -> list[bytes]:
        """The payloads that arrived on a stream from `since` on and before `until`."""
        arrivals = self.arrivals[stream]
        first, end = (bisect_left(arrivals, t, key=attrgetter("at")) for t in (since, until))
        return [arrival.payload for arrival in arrivals[first:end]]


def make_history(
    until: datetime,
    *,
    window: timedelta,
    hours: int = 24,
    seed: int = 1,
    patients: int = 1000,
) -> History:
    """Make up the hours before `until`; the same arguments give the same history.

    Args:
        until: The end; all events arrive before it.
        window: The length of a window.
        hours: How many hours before it the history begins.
        seed: Another seed gives another history.
        patients: The highest patient id; the lowest is 1.

    Raises:
        ValueError: There are too few hours, patients or windows.
    """
    if hours < 1:
        raise ValueError(f"hours is {hours}; there must be at least 1")
    if hours * HOUR < FEWEST_WINDOWS * window:
        raise ValueError(f"{hours} hours are too short for {FEWEST_WINDOWS} windows of {window}")
    if patients < _FEWEST_PATIENTS:
        raise ValueError(f"patients is {patients}; there must be at least {_FEWEST_PATIENTS}")
    span = Span(until - timedelta(hours=hours), until, window)
    chronic = _chronic_patients(patients, _random(seed, "patients"))
    claims, examples = _claims(span, _random(seed, "claim"), patients, chronic)
    diagnoses = _diagnoses(span, _random(seed, "diagnose"), patients, chronic)
    arrivals = {"claim": claims, "diagnose": diagnoses}
    in_order = {
        stream: sorted((a for a in of_stream if a.at < until), key=attrgetter("at"))
        for stream, of_stream in arrivals.items()
    }
    return History(span.since, span.until, in_order, examples)


def window_of(moment: datetime, window: timedelta) -> datetime:
    """The start of the window that a moment lies in."""
    return moment - (moment - EPOCH) % window


# --- when things happen ---


def _moments(span: Span, rng: Random) -> Iterator[datetime]:
    """Moments at which something happens, more of them in busy hours."""
    moment = span.since
    while True:
        pace = busy_at(moment) / SECONDS_PER_EVENT
        moment += timedelta(seconds=rng.expovariate(pace))
        if moment >= span.until:
            return
        yield moment


def busy_at(moment: datetime) -> float:
    """How busy the office is, interpolated between one full hour and the next."""
    passed = moment.minute / 60
    return BUSY[moment.hour] * (1 - passed) + BUSY[(moment.hour + 1) % 24] * passed


def _arrives(stream: str, moment: datetime, rng: Random) -> datetime:
    """When an event of this moment arrives: mostly within 3 s, sometimes hours late."""
    if rng.random() < LATE_SHARE[stream]:
        return moment + rng.uniform(0.1, 1) * LATEST[stream]
    return moment + timedelta(seconds=rng.uniform(0, 3))


# --- claims ---


def _claims(
    span: Span, rng: Random, patients: int, chronic: Mapping[str, list[int]]
) -> tuple[list[Arrival], Examples]:
    gap, till = span.busiest_hour(0.1, 0.6), span.busiest_hour(0.65, 0.85)
    moments = [moment for moment in _moments(span, rng) if moment not in gap]
    claims = [_claim(number, moment, patients, rng) for number, moment in enumerate(moments, 1)]
    conflict, unknown, mistyped = (len(claims) * share // 100 for share in (40, 60, 92))
    claims[conflict]["patient_id"] = chronic["J44.9"][0]
    claims[mistyped] |= {"patient_id": chronic["R41.3"][0], **MISTYPED}
    becomes = {conflict: _sent_with_another_price, unknown: _sent_of_a_stranger, mistyped: _sent}
    usual = partial(_on_its_way, till=till, never_reused={claims[place]["id"] for place in becomes})
    arrivals = [
        arrival
        for place, (claim, moment) in enumerate(zip(claims, moments, strict=True))
        for arrival in becomes.get(place, usual)(claim, moment, rng)
    ]
    return arrivals, Examples(
        conflict=claims[conflict]["id"],
        unknown_patient=claims[unknown]["id"],
        mistyped=claims[mistyped]["id"],
        window=window_of(moments[conflict], span.window),
        held_back=window_of(moments[mistyped], span.window),
        gap=gap.since,
    )


def _claim(number: int, moment: datetime, patients: int, rng: Random) -> Fields:
    code, price = rng.choice(list(FEES.items()))
    return {
        "id": number,
        "patient_id": rng.randint(0, patients),
        "code": code,
        "price": price,
        "tsp": _rfc3339(moment),
    }


def _on_its_way(
    claim: Fields, moment: datetime, rng: Random, *, till: Span, never_reused: set[int]
) -> Iterator[Arrival]:
    """The arrivals of one claim."""
    claim = _with_earlier_id(claim, rng, never_reused)
    if moment in till and rng.random() < TILL_SHARE:
        yield Arrival(moment, _price_as_text(claim))
        # It was sent again after the till was repaired.
        yield Arrival(till.until + rng.random() * _RESENT_WITHIN, _json(claim))
    elif rng.random() < SPOILT_SHARE:
        yield Arrival(moment, _spoilt(claim, _SPOILT_CLAIMS, rng))
    else:
        at = _arrives("claim", moment, rng)
        yield Arrival(at, _json(claim))
        if rng.random() < AGAIN_SHARE:
            yield Arrival(_a_little_later(at, rng), _json(claim))


def _sent(claim: Fields, moment: datetime, _: Random) -> Iterator[Arrival]:
    yield Arrival(moment, _json(claim))


def _sent_of_a_stranger(claim: Fields, moment: datetime, _: Random) -> Iterator[Arrival]:
    yield Arrival(moment, _of_a_stranger(claim))


def _sent_with_another_price(claim: Fields, moment: datetime, rng: Random) -> Iterator[Arrival]:
    yield Arrival(moment, _json(claim))
    others = {code: price for code, price in FEES.items() if code != claim["code"]}
    code, price = rng.choice(list(others.items()))
    again = {**claim, "code": code, "price": price}
    yield Arrival(_a_little_later(moment, rng), _json(again))


# --- diagnoses ---


def _chronic_patients(patients: int, rng: Random) -> dict[str, list[int]]:
    """The patients who have each of the reported diagnoses, by code."""
    return {
        code: rng.sample(range(1, patients + 1), max(1, round(share * patients)))
        for code, share in CHRONIC.items()
    }


def _diagnoses(
    span: Span, rng: Random, patients: int, chronic: Mapping[str, list[int]]
) -> list[Arrival]:
    known = list(_known_before(span.since, rng, chronic))
    arrivals = [
        Arrival(span.since, _json(_diagnosis(1 + number, *diagnosis)))
        for number, diagnosis in enumerate(known)
    ]
    for number, moment in enumerate(_moments(span, rng), start=1 + len(known)):
        patient = rng.randint(0, patients)
        code = _code_of_visit(patient, rng, chronic)
        arrivals += _diagnosis_arrivals(_diagnosis(number, patient, code, moment), moment, rng)
    return arrivals


def _known_before(
    since: datetime, rng: Random, chronic: Mapping[str, list[int]]
) -> Iterator[tuple[int, str, datetime]]:
    """The diagnoses made before the history begins: patient, code and time."""
    for code, having in chronic.items():
        for patient in having[: max(1, round(KNOWN_SHARE * len(having)))]:
            yield patient, code, since - timedelta(days=rng.uniform(30, 900))


def _code_of_visit(patient: int, rng: Random, chronic: Mapping[str, list[int]]) -> str:
    for code, having in chronic.items():
        if patient in having and rng.random() < CHRONIC_VISIT_SHARE:
            return code
    return rng.choice(_EVERYDAY)


def _diagnosis(number: int, patient: int, code: str, moment: datetime) -> Fields:
    return {
        "id": number,
        "patient_id": patient,
        "icd10_code": code,
        "tsp": _rfc3339(moment),
    }


def _diagnosis_arrivals(diagnosis: Fields, moment: datetime, rng: Random) -> Iterator[Arrival]:
    diagnosis = _with_earlier_id(diagnosis, rng, set())
    if rng.random() < SPOILT_SHARE:
        yield Arrival(moment, _spoilt(diagnosis, _SPOILT_DIAGNOSES, rng))
        return
    at = _arrives("diagnose", moment, rng)
    yield Arrival(at, _json(diagnosis))
    if rng.random() < AGAIN_SHARE:
        yield Arrival(_a_little_later(at, rng), _json(diagnosis))


# --- how an event is changed on its way ---


def _with_earlier_id(event: Fields, rng: Random, never_reused: set[int]) -> Fields:
    """The event, or now and then the event with an id of before."""
    earlier = rng.randint(1, event["id"]) if rng.random() < REUSED_SHARE else event["id"]
    return event if earlier in never_reused else {**event, "id": earlier}


def _spoilt(event: Fields, ways: tuple[Spoil, ...], rng: Random) -> bytes:
    return rng.choice(ways)(event)


def _cut_off(event: Fields) -> bytes:
    text = _json(event)
    return text[: len(text) * 2 // 3]


def _of_a_stranger(event: Fields) -> bytes:
    return _json({**event, "patient_id": event["patient_id"] + 100_000})


def _without_offset(event: Fields) -> bytes:
    return _json({**event, "tsp": event["tsp"].removesuffix("Z")})


def _id_as_text(event: Fields) -> bytes:
    return _json({**event, "id": str(event["id"])})


def _price_as_text(claim: Fields) -> bytes:
    return _json({**claim, "price": str(claim["price"])})


def _below_zero(claim: Fields) -> bytes:
    return _json({**claim, "price": -claim["price"]})


def _without_last_digits(diagnosis: Fields) -> bytes:
    return _json({**diagnosis, "icd10_code": diagnosis["icd10_code"][:3] + ".-"})


_SPOILT_EITHER: Final = (_cut_off, _of_a_stranger, _without_offset, _id_as_text)
_SPOILT_CLAIMS: Final = (*_SPOILT_EITHER, _price_as_text, _below_zero)
_SPOILT_DIAGNOSES: Final = (*_SPOILT_EITHER, _without_last_digits)

_EVERYDAY: Final = [code for code in DIAGNOSES if code not in CHRONIC]
_FEWEST_PATIENTS: Final = 10


def _a_little_later(at: datetime, rng: Random) -> datetime:
    return at + timedelta(seconds=rng.uniform(1, 300))


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(event: Fields) -> bytes:
    return json.dumps(event).encode()


def _random(seed: int, name: str) -> Random:
    return Random(f"{seed} history {name}")  # noqa: S311 - nothing secret
