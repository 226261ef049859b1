"""The biography of a row or a window: what arrived, what became of it, and what it counts for.

Give every function a cursor of one snapshot. Its cost does not grow with history.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from pipeline.core.contract import REASONS
from pipeline.core.errors import OfficeError
from pipeline.core.notation import IN_UTC, Notation
from pipeline.core.statements import Cursor, fetch_all, fetch_one
from pipeline.core.streams import STREAMS
from pipeline.core.window import read_window_length, window_of

Row = dict[str, Any]

WINDOWS_LISTED: Final = 200


@dataclass(frozen=True)
class WindowState:
    """The state of a window: its figures, its marks, and what holds it back.

    `checking` lists the runs that have computed it and not ended. `held_back` has the newest run
    that holds it back, with that run's figures and failed checks.
    """

    window_start: datetime
    window_end: datetime
    """The end, which belongs to the next window."""
    now: datetime
    claims: int
    figures: list[Row]
    marks: list[Row]
    checking: list[int]
    held_back: Row | None
    releases: list[Row]

    def name_in(self, notation: Notation) -> str:
        """Its start, for people."""
        return f"{notation.minute(self.window_start)} {notation.zone_name}"

    @property
    def state(self) -> str:
        """Its state in one word."""
        if self.now < self.window_end:
            return "open" if self.window_start <= self.now else "not_begun"
        if self.held_back:
            return "held_back"
        if self.marks:
            return "being_checked" if self.checking else "due"
        if self.figures:
            return "published"
        return "unaccounted" if self.claims else "gap"

    def in_words(self, notation: Notation) -> str:
        """Its state in words."""
        before = "; what was published before stands" if self.figures else ""
        runs = " and ".join(map(str, self.checking))
        closes = notation.clock(self.window_end)
        return {
            "not_begun": "it hasn't begun yet",
            "open": f"it is open, closes at {closes}, and is computed then",
            "held_back": f"it is held back{before}",
            "being_checked": f"analytics run {runs} has computed it and checks it{before}",
            "due": f"it is due: the next analytics run computes it{before}",
            "published": "it is published" + (", released by hand" if self.release else ""),
            "gap": "it is a gap: no claim came in, so that it has no figures",
            "unaccounted": "it has claims, but is neither published nor marked to be",
        }[self.state]

    @property
    def release(self) -> Row | None:
        """The manual release behind the published figures, if there is one."""
        return next((release for release in self.releases if release["stands"]), None)

    def figure(self, category: str) -> Row | None:
        """The published figure of a category."""
        return next((each for each in self.figures if each["category"] == category), None)

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        return {"state": self.state, **asdict(self)}


@dataclass(frozen=True)
class Contribution:
    """Whether a claim counts for a category, and the diagnosis that decides it."""

    category: str
    is_settled: bool
    counts: bool
    diagnose_id: int | None
    icd10_code: str | None
    diagnosed_at: datetime | None


@dataclass(frozen=True)
class RowBiography:
    """A row of any stream: its raw rows and the clean row."""

    stream: str
    id: int
    raw_rows: list[Row]
    clean: Row | None

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ClaimBiography:
    """A claim: its raw rows, the clean row, its window, and the categories it counts for."""

    id: int
    raw_rows: list[Row]
    clean: Row | None
    window: WindowState | None
    categories: list[Contribution]

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        window = self.window.as_dict() if self.window else None
        return {"stream": "claim", **asdict(self), "window": window}


@dataclass(frozen=True)
class DiagnoseBiography:
    """A diagnosis: its raw rows, the clean row, its categories, and the windows that it changes.

    Each entry of `categories` has the patient's first diagnosis of that category; `is_first` says
    whether it is this one. Only a first diagnosis changes windows: `windows` lists some of them.
    """

    id: int
    raw_rows: list[Row]
    clean: Row | None
    counts_from: datetime | None
    categories: list[Row]
    windows: list[Row]
    all_windows: int

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        return {"stream": "diagnose", **asdict(self)}


@dataclass(frozen=True)
class CategorySum:
    """A category in a window: the claims that count, their sum, and the published figure."""

    category: str
    is_tracked: bool
    is_settled: bool
    contributions: list[Row]
    figure: Row | None

    @property
    def revenue(self) -> Decimal:
        """The sum of the prices."""
        return sum((each["price"] for each in self.contributions), Decimal("0.00"))

    @property
    def patients(self) -> int:
        """How many patients the claims are of."""
        return len({each["patient_id"] for each in self.contributions})

    @property
    def agrees(self) -> bool | None:
        """Whether the published figure agrees; None if none is published.

        Nothing agrees with the figure of a category that is not tracked.
        """
        if self.figure is None:
            return None
        if not self.is_tracked:
            return False
        published = (self.figure["revenue"], self.figure["claims"], self.figure["patients"])
        return published == (self.revenue, len(self.contributions), self.patients)

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        return {
            **asdict(self),
            "revenue": self.revenue,
            "claims": len(self.contributions),
            "patients": self.patients,
            "agrees": self.agrees,
        }


@dataclass(frozen=True)
class WindowBiography:
    """A window: its state, and how the figure of each category comes about."""

    window: WindowState
    checks: list[Row]
    categories: list[CategorySum]
    not_counting: int
    gone_rows: list[Row]
    """Raw rows that touch the window and are gone, with the record of their erasure."""

    @property
    def found_something_wrong(self) -> bool:
        """Whether a published figure does not follow from the claims, and no mark explains that."""
        if self.window.state == "unaccounted":
            return True
        is_settled = bool(self.window.figures) and not self.window.marks
        return is_settled and any(each.is_settled and not each.agrees for each in self.categories)

    def as_dict(self) -> Row:
        """The same as a dictionary, for JSON."""
        return {
            **self.window.as_dict(),
            "failed_checks": self.checks,
            "categories": [each.as_dict() for each in self.categories],
            "not_counting": self.not_counting,
            "gone_rows": self.gone_rows,
            "found_something_wrong": self.found_something_wrong,
        }


def check_in_words(check: Row) -> str:
    """A check that did not pass, in words."""
    return f"{check['status']} {check['severity']} {check['suite']}: {check['check_name']}"


def explain_row(cursor: Cursor, stream: str, row_id: int) -> RowBiography:
    """Reads the biography of a row of a stream.

    Raises:
        OfficeError: nothing carries the id.
    """
    raw_rows, clean = _raw_and_clean(cursor, stream, row_id)
    return RowBiography(stream, row_id, raw_rows, clean)


def explain_claim(cursor: Cursor, claim_id: int) -> ClaimBiography:
    """Reads the biography of a claim.

    Raises:
        OfficeError: nothing carries the id.
    """
    raw_rows, clean = _raw_and_clean(cursor, "claim", claim_id)
    if clean is None:
        return ClaimBiography(claim_id, raw_rows, None, None, [])
    window = read_window_at(cursor, clean["tsp"])
    diagnoses = fetch_all(cursor, "audit/explain/categories", {"patient_id": clean["patient_id"]})
    categories = [
        Contribution(
            **diagnosis._asdict(),
            counts=diagnosis.diagnosed_at is not None
            and diagnosis.diagnosed_at < window.window_end,
        )
        for diagnosis in diagnoses
    ]
    return ClaimBiography(claim_id, raw_rows, clean, window, categories)


def explain_diagnose(cursor: Cursor, diagnose_id: int) -> DiagnoseBiography:
    """Reads the biography of a diagnosis.

    Raises:
        OfficeError: nothing carries the id.
    """
    raw_rows, clean = _raw_and_clean(cursor, "diagnose", diagnose_id)
    if clean is None:
        return DiagnoseBiography(diagnose_id, raw_rows, None, None, [], [], 0)
    counts_from = window_of(clean["tsp"], read_window_length(cursor))
    categories = _categories_of(cursor, clean)
    windows: list[Row] = []
    if any(category["is_first"] for category in categories):
        since = {"patient_id": clean["patient_id"], "since": counts_from, "most": WINDOWS_LISTED}
        windows = _rows(cursor, "audit/explain/patient_windows", since)
    all_windows = windows[0]["all_windows"] if windows else 0
    return DiagnoseBiography(
        diagnose_id, raw_rows, clean, counts_from, categories, windows, all_windows
    )


def explain_window(
    cursor: Cursor, moment: datetime, notation: Notation = IN_UTC
) -> WindowBiography:
    """Reads the biography of the window that holds a moment.

    Args:
        cursor: of one snapshot.
        moment: with a time zone.
        notation: how times are written if nothing is known of the window.

    Raises:
        OfficeError: nothing is known of the window.
    """
    window = read_window_at(cursor, moment)
    _require_known(cursor, window, notation)
    contributions = _rows(
        cursor, "audit/explain/contributions", {"window_start": window.window_start}
    )
    return WindowBiography(
        window=window,
        checks=_failed_checks_of_figures(cursor, window),
        categories=_category_sums(cursor, window, contributions),
        not_counting=sum(each["category"] is None for each in contributions),
        gone_rows=_rows(cursor, "audit/explain/gone_rows", {"window_start": window.window_start}),
    )


def read_window_at(cursor: Cursor, moment: datetime) -> WindowState:
    """Reads the state of the window that a moment lies in."""
    length = read_window_length(cursor)
    window_start = window_of(moment, length)
    of_window = {"window_start": window_start}
    return WindowState(
        window_start=window_start,
        window_end=window_start + length,
        now=fetch_one(cursor, "audit/explain/clock").now,
        claims=fetch_one(cursor, "audit/explain/claims_in_window", of_window).claims,
        figures=_rows(cursor, "audit/explain/figures", of_window),
        marks=_rows(cursor, "audit/explain/marks", of_window),
        checking=[
            row.quality_run_id for row in fetch_all(cursor, "audit/explain/checking", of_window)
        ],
        held_back=_held_back(cursor, window_start),
        releases=_rows(cursor, "audit/explain/releases", of_window),
    )


def _raw_and_clean(cursor: Cursor, stream: str, entity_id: int) -> tuple[list[Row], Row | None]:
    place = fetch_one(cursor, "staging/cursor", {"stream": stream})._asdict()
    of_id = {"id": entity_id}
    raw_rows = _rows(cursor, "audit/explain/raw_rows", {**of_id, **place}, stream=stream)
    found = _rows(cursor, "audit/explain/clean_row", of_id, stream=stream)
    if not raw_rows and not found:
        raise OfficeError(
            f"Nothing that arrived carries the {stream} id {entity_id}; what came without a "
            "readable id is in audit.rejected."
        )
    clean = found[0] if found else None
    earlier = _earlier_outcomes(cursor, [row["seq"] for row in raw_rows])
    return [
        {**row, **_in_words(stream, row, clean), "earlier_outcomes": earlier.get(row["seq"], [])}
        for row in raw_rows
    ], clean


def _earlier_outcomes(cursor: Cursor, seqs: list[int]) -> dict[int, list[Row]]:
    """The outcomes that replays took back, by raw row."""
    outcomes = _rows(cursor, "audit/explain/earlier_outcomes", {"seqs": seqs})
    in_words = [{**each, "reason_in_words": _reason_in_words(each["reason"])} for each in outcomes]
    return {seq: list(of_row) for seq, of_row in groupby(in_words, lambda outcome: outcome["seq"])}


def _reason_in_words(reason: str | None) -> str | None:
    return REASONS.get(reason, reason) if reason else None


def _in_words(stream: str, row: Row, clean: Row | None) -> Row:
    """The reason of a raw row in words, and its differences from the clean row."""
    is_here = not row["archived_in"] and not row["is_gone"]
    is_conflict = row["fate"] == "conflict" and clean is not None and is_here
    return {
        "reason_in_words": _reason_in_words(row["reason"]),
        "differences": _differences(stream, row, clean or {}) if is_conflict else [],
    }


def _differences(stream: str, row: Row, clean: Mapping[str, Any]) -> list[Row]:
    return [
        {"field": column.name, "raw": row[column.name], "clean": clean[column.name]}
        for column in STREAMS[stream].columns
        if row[column.name] != clean[column.name]
    ]


def _categories_of(cursor: Cursor, diagnosis: Row) -> list[Row]:
    """The categories of the diagnosis, each with the patient's first diagnosis of it."""
    codes = fetch_all(cursor, "audit/explain/categories_of_code", diagnosis)
    firsts = {
        first["category"]: first for first in _rows(cursor, "audit/explain/categories", diagnosis)
    }
    return [
        {
            **firsts[code.category],
            "is_first": firsts[code.category]["diagnose_id"] == diagnosis["id"],
        }
        for code in codes
    ]


def _require_known(cursor: Cursor, window: WindowState, notation: Notation) -> None:
    if window.claims or window.figures or window.marks or window.releases:
        return
    name = window.name_in(notation)
    if window.state == "not_begun":
        raise OfficeError(f"The window {name} hasn't begun yet, and nothing has come in for it.")
    first = fetch_one(cursor, "audit/explain/clock").first_claim_at
    if first is None:
        raise OfficeError(f"Nothing is known of the window {name}: no claim has been merged yet.")
    if window.window_end <= first:
        raise OfficeError(
            f"Nothing is known of the window {name}: "
            f"the first claim is of {notation.second(first)} {notation.zone_name}."
        )


def _failed_checks_of_figures(cursor: Cursor, window: WindowState) -> list[Row]:
    return [
        check
        for run in sorted({figure["quality_run_id"] for figure in window.figures})
        for check in _failed_checks(cursor, window.window_start, run)
    ]


def _failed_checks(cursor: Cursor, window_start: datetime, quality_run_id: int) -> list[Row]:
    of_run = {"window_start": window_start, "quality_run_id": quality_run_id}
    return _rows(cursor, "audit/explain/failed_checks", of_run)


def _held_back(cursor: Cursor, window_start: datetime) -> Row | None:
    """The newest run that holds the window back, with its figures and failed checks."""
    candidates = _rows(cursor, "audit/explain/held_back", {"window_start": window_start})
    if not candidates:
        return None
    run = {name: candidates[0][name] for name in ("quality_run_id", "finished_at")}
    return {
        **run,
        "mark_id": max(each["mark_id"] for each in candidates),
        "checks": _failed_checks(cursor, window_start, run["quality_run_id"]),
        "figures": [
            {name: each[name] for name in ("category", "revenue", "claims", "patients")}
            for each in candidates
        ],
    }


def _category_sums(
    cursor: Cursor, window: WindowState, contributions: list[Row]
) -> list[CategorySum]:
    """The tracked categories, those that were until somebody changed them, and published ones."""
    known = {row.category: row for row in fetch_all(cursor, "audit/explain/tracked_categories")}
    published = {figure["category"] for figure in window.figures}
    return [
        CategorySum(
            category=category,
            is_tracked=category in known and known[category].is_tracked,
            # Nobody can have changed a category that nobody knows.
            is_settled=category not in known or known[category].is_settled,
            contributions=[each for each in contributions if each["category"] == category],
            figure=window.figure(category),
        )
        for category in sorted({*known, *published})
    ]


def _rows(cursor: Cursor, name: str, parameters: Row, *, stream: str | None = None) -> list[Row]:
    return [row._asdict() for row in fetch_all(cursor, name, parameters, stream=stream)]
