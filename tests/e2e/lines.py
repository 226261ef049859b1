"""Lines of files to load, each with what has to become of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A line without its end, its fate and reason when first merged, and when merged again."""

    payload: bytes
    fate: str
    reason: str | None = None

    @property
    def fate_again(self) -> str:
        """A second time, the id is known."""
        return "duplicate" if self.fate == "merged" else self.fate


def event(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def claim(number: int, patient: int, price: float, **more: object) -> bytes:
    return event(id=number, patient_id=patient, code="03230", price=price, **more)


def diagnose(number: int, patient: int, icd10_code: str, **more: object) -> bytes:
    return event(id=number, patient_id=patient, icd10_code=icd10_code, **more)


def file_of(payloads: Iterable[bytes]) -> bytes:
    return b"".join(payload + b"\n" for payload in payloads)


def merged(payload: bytes) -> Line:
    return Line(payload, "merged")


def duplicate(payload: bytes) -> Line:
    return Line(payload, "duplicate")


def conflict(payload: bytes) -> Line:
    return Line(payload, "conflict")


def rejected(reason: str, payload: bytes) -> Line:
    return Line(payload, "rejected", reason)


CLAIMS = [
    merged(b'{"id": 1, "patient_id": 1, "code": "03230", "price": 10.5}'),
    duplicate(b'{"id": 1, "patient_id": 1, "code": "03230", "price": 10.5}'),
    duplicate(b'{"price":10.50,"code":"03230","patient_id":1,"id":1,"desk":3}'),
    conflict(b'{"id": 1, "patient_id": 1, "code": "03230", "price": 10.51}'),
    conflict(b'{"id": 1, "patient_id": 2, "code": "03230", "price": 10.5}'),
    conflict(b'{"id": 1, "patient_id": 1, "code": "3230", "price": 10.5}'),
    rejected("not_json", b'{"id": 2, "patient_id": 1, "code": "03230", "pri'),
    rejected("not_json", b"no \\N JSON \\. at all"),
    rejected("not_json", b'{"id": 2, "patient_id": 1, "code": "\xff\xfe", "price": 1}'),
    rejected("not_json", b'{"id": 2, "patient_id": 1, "code": "A\t", "price": 1}'),
    rejected("not_object", b'[{"id": 2, "patient_id": 1, "code": "A", "price": 1}]'),
    rejected("duplicate_key", b'{"id": 2, "id": 3, "patient_id": 1, "code": "A", "price": 1}'),
    rejected("bad_id", b'{"id": "2", "patient_id": 1, "code": "A", "price": 1}'),
    rejected("bad_id", b'{"id": -2, "patient_id": 1, "code": "A", "price": 1}'),
    rejected("bad_id", b'{"patient_id": 1, "code": "A", "price": 1}'),
    rejected("bad_patient_id", b'{"id": 2, "patient_id": true, "code": "A", "price": 1}'),
    rejected("bad_code", b'{"id": 2, "patient_id": 1, "code": 3230, "price": 1}'),
    rejected("bad_code", b'{"id": 2, "patient_id": 1, "code": "12345678901234567", "price": 1}'),
    rejected("bad_price", b'{"id": 2, "patient_id": 1, "code": "A", "price": "1"}'),
    rejected("bad_price", b'{"id": 2, "patient_id": 1, "code": "A", "price": -0.01}'),
    rejected("bad_price", b'{"id": 2, "patient_id": 1, "code": "A", "price": 1.005}'),
    rejected("bad_tsp", b'{"id": 2, "patient_id": 1, "code": "A", "price": 1, "tsp": "noon"}'),
    rejected("unknown_patient", b'{"id": 2, "patient_id": 4711, "code": "A", "price": 1}'),
    merged(b'{"id": 2, "patient_id": 1, "code": "03230", "price": 0}'),
    # A tab, a letter that isn't ASCII, and what COPY takes for a tab and for NULL.
    merged(b'\t{"id": 3, "patient_id": 1, "code": "\xc3\xa9", "price": 1, "a": "\\t \\\\N"} '),
    merged(b'{"id":4,"patient_id":2,"code":"1","price":1,"tsp":"2020-05-04T14:00:00+02:00"}'),
]

DIAGNOSES = [
    merged(b'{"id": 1, "patient_id": 1, "icd10_code": "R41.3"}'),
    conflict(b'{"id": 1, "patient_id": 1, "icd10_code": "J44.9"}'),
    rejected("bad_icd10_code", b'{"id": 2, "patient_id": 1, "icd10_code": "R41.-"}'),
    rejected("unknown_patient", b'{"id": 2, "patient_id": 0, "icd10_code": "R41.3"}'),
    duplicate(b'{"icd10_code":"R41.3","patient_id":1,"id":1,"tsp":"2020-05-04T12:00:00Z"}'),
]
