"""Formats what `explain` found about a row or a window, for a terminal of 80 columns."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime

from pipeline.audit.explain import (
    CategorySum,
    ClaimBiography,
    Contribution,
    DiagnoseBiography,
    Row,
    RowBiography,
    WindowBiography,
    WindowState,
    check_in_words,
)
from pipeline.core.notation import IN_UTC, Notation
from pipeline.core.remedies import remedy_of

WIDTH = 80
OFFICE = "python src/office.py"
ROWS_SHOWN = 20
PAYLOAD_SHOWN = 600

FATES = {
    "merged": "Became the clean row",
    "duplicate": "Has the same content as the clean row, so it does not count again",
    "conflict": "Came later, with other content than the clean row, which stays",
    "rejected": "Breaks the contract",
    "pending": "Waits to be merged",
}


def row_lines(row: RowBiography, notation: Notation = IN_UTC) -> list[str]:
    """The lines about a row of a stream that is neither claim nor diagnose."""
    return [
        f"{row.stream.capitalize()} {row.id} (times are {notation.zone_name})",
        *_raw_row_lines(notation, row.raw_rows),
        *_clean_lines(notation, row.clean),
    ]


def claim_lines(claim: ClaimBiography, notation: Notation = IN_UTC) -> list[str]:
    """The lines about a claim."""
    return [
        f"Claim {claim.id} (times are {notation.zone_name})",
        *_raw_row_lines(notation, claim.raw_rows),
        *_clean_lines(notation, claim.clean),
        *(_claim_window_lines(notation, claim, claim.window) if claim.window else []),
    ]


def diagnose_lines(diagnosis: DiagnoseBiography, notation: Notation = IN_UTC) -> list[str]:
    """The lines about a diagnosis."""
    return [
        f"Diagnosis {diagnosis.id} (times are {notation.zone_name})",
        *_raw_row_lines(notation, diagnosis.raw_rows),
        *_clean_lines(notation, diagnosis.clean),
        *(
            _diagnosis_category_lines(notation, diagnosis, diagnosis.clean)
            if diagnosis.clean
            else []
        ),
        *(_touched_window_lines(notation, diagnosis) if diagnosis.windows else []),
    ]


def window_lines(
    biography: WindowBiography, *, office: str = OFFICE, notation: Notation = IN_UTC
) -> list[str]:
    """The lines about a window; the commands that they suggest begin with `office`."""
    window = biography.window
    return [
        *_paragraph(f"Window {_span(notation, window)}: {window.in_words(notation)}."),
        *_publication_lines(notation, biography),
        *_held_back_lines(notation, window, office),
        *_mark_lines(notation, window),
        *_gone_lines(notation, biography.gone_rows, office),
        *(_sum_lines(notation, biography) if window.claims or window.figures else []),
        *(_mending_lines(office) if biography.found_something_wrong else []),
    ]


# --- raw and clean rows ---


def _raw_row_lines(notation: Notation, raw_rows: list[Row]) -> Iterator[str]:
    yield from _heading(f"Raw rows, in the order of arrival: {len(raw_rows)}")
    for row in raw_rows[:ROWS_SHOWN]:
        received = notation.second(row["received_at"]) if row["received_at"] else "without a time"
        yield f"  {row['seq']:<8} {received}  {row['fate']}"
        yield from _payload_lines(row["payload"] or "")
        if row["archived_in"]:
            yield from _paragraph(f"The raw row is archived in {row['archived_in']}.", indent=4)
        if row["is_gone"]:
            yield from _paragraph(_gone_in_words(notation, row), indent=4)
        for earlier in row["earlier_outcomes"]:
            yield from _paragraph(_earlier_in_words(notation, earlier), indent=4)
        yield from _paragraph(_fate_in_words(notation, row), indent=4)
    yield from _more(len(raw_rows) - ROWS_SHOWN, "raw rows")


def _payload_lines(payload: str) -> Iterator[str]:
    yield from _paragraph(_visible(payload[:PAYLOAD_SHOWN]), indent=4)
    if len(payload) > PAYLOAD_SHOWN:
        yield f"    … {len(payload)} characters; --json shows all"


def _fate_in_words(notation: Notation, row: Row) -> str:
    parts = [FATES[row["fate"]]]
    if row["fate"] == "rejected":
        parts = [f"{parts[0]}: {row['reason_in_words']} ({row['reason']})"]
    if row["hint"]:
        parts.append(f"Hint: {row['hint']}")
    if row["fate"] == "rejected":
        parts.append(f"What to do: {remedy_of(row['reason'])}")
    if row["differences"]:
        parts.append("; ".join(map(_difference, row["differences"])))
    if row["run_id"]:
        parts.append(f"Merge run {row['run_id']}, {notation.second(row['merged_at'])}")
    return ". ".join(parts) + "."


def _gone_in_words(notation: Notation, row: Row) -> str:
    if row["erased_because"] is None:
        return f"The raw row is gone, and nobody has recorded why: see {OFFICE} erased."
    because = _visible(row["erased_because"])
    when = notation.second(row["erasure_recorded_at"])
    return f"The raw row was erased: {because} ({row['erasure_recorded_by']}, {when})."


def _earlier_in_words(notation: Notation, outcome: Row) -> str:
    return (
        f"Earlier, in merge run {outcome['run_id']}, {notation.second(outcome['merged_at'])}: "
        f"{outcome['fate']}, {outcome['reason_in_words']} ({outcome['reason']})."
        f" Replayed {notation.second(outcome['replayed_at'])}."
    )


def _difference(difference: Row) -> str:
    raw, clean = (_visible(str(difference[side])) for side in ("raw", "clean"))
    return f"{difference['field']} {raw}, where the clean row has {clean}"


def _clean_lines(notation: Notation, clean: Row | None) -> Iterator[str]:
    yield from _heading("Clean row")
    if clean is None:
        yield "  There is none."
        return
    fields = [
        f"{name} {notation.precise(value) if isinstance(value, datetime) else _visible(str(value))}"
        for name, value in clean.items()
        if name != "id"
    ]
    yield from _paragraph(", ".join(fields), indent=2)


# --- a claim's window, a diagnosis' categories and windows ---


def _claim_window_lines(
    notation: Notation, claim: ClaimBiography, window: WindowState
) -> Iterator[str]:
    yield from _heading(f"Window {_span(notation, window)}")
    yield from _paragraph(f"{_capital(window.in_words(notation))}.", indent=2)
    yield from _released(notation, window, indent=2)
    for each in claim.categories:
        counts = "counts" if each.counts else "does not count"
        yield from _paragraph(
            f"{each.category}: {counts}, {_why(notation, claim, each)}.", indent=2
        )
        yield from _paragraph(_published_figure(window, each), indent=4)


def _why(notation: Notation, claim: ClaimBiography, contribution: Contribution) -> str:
    patient = claim.clean["patient_id"] if claim.clean else ""
    if contribution.diagnosed_at is None:
        return f"patient {patient} was never diagnosed with it"
    when = "by the end of the window" if contribution.counts else "after the window had ended"
    diagnosed = notation.precise(contribution.diagnosed_at)
    return (
        f"the first such diagnosis of patient {patient} is of {diagnosed},"
        f" {when} (diagnosis {contribution.diagnose_id}, {contribution.icd10_code})"
    )


def _published_figure(window: WindowState, contribution: Contribution) -> str:
    if not contribution.is_settled:
        return "The category is new or was changed: the next analytics run takes that in."
    figure = window.figure(contribution.category)
    if figure is None:
        return "No figure is published yet."
    part = "Part of the published figure" if contribution.counts else "The published figure"
    unsure = ", which may change: the window is marked to be computed again"
    return f"{part} {_figure(figure)}{unsure if window.marks else ''}."


def _diagnosis_category_lines(
    notation: Notation, diagnosis: DiagnoseBiography, clean: Row
) -> Iterator[str]:
    yield from _heading("Categories")
    if not diagnosis.categories:
        yield from _paragraph(
            f"{clean['icd10_code']} counts for none: no figure depends on it.", indent=2
        )
    for each in diagnosis.categories:
        yield from _paragraph(_first_or_not(notation, diagnosis, each), indent=2)


def _first_or_not(notation: Notation, diagnosis: DiagnoseBiography, category: Row) -> str:
    since = diagnosis.counts_from
    if category["is_first"]:
        return (
            f"{category['category']}: the patient's first diagnosis of it, so the patient's claims"
            f" count from the window {notation.minute(since) if since else ''} on."
        )
    return (
        f"{category['category']}: changes nothing, because the patient's first diagnosis of it is"
        f" {category['diagnose_id']} ({category['icd10_code']}), of"
        f" {notation.precise(category['diagnosed_at'])}."
    )


def _touched_window_lines(notation: Notation, diagnosis: DiagnoseBiography) -> Iterator[str]:
    yield from _heading(f"Windows with claims of the patient since: {diagnosis.all_windows}")
    for each in diagnosis.windows[:ROWS_SHOWN]:
        published = "published" if each["is_published"] else "not published"
        marked = ", marked to be computed again" if each["is_marked"] else ""
        claims = _count(each["claims"], "claim")
        start = notation.minute(each["window_start"])
        yield f"  {start}  {claims}, {each['price']}: {published}{marked}"
    yield from _more(diagnosis.all_windows - ROWS_SHOWN, "windows")


# --- a window ---


def _publication_lines(notation: Notation, biography: WindowBiography) -> Iterator[str]:
    window = biography.window
    runs = {figure["quality_run_id"]: figure for figure in window.figures}
    for run, figure in sorted(runs.items()):
        yield from _paragraph(
            f"Published {notation.second(figure['published_at'])} by analytics run {run}"
            f" (verdict {figure['verdict'].replace('_', ' ')},"
            f" ended {notation.second(figure['finished_at'])})."
        )
    yield from _check_lines(biography.checks)
    yield from _released(notation, window)
    for past in window.releases:
        if not past["stands"]:
            yield from _paragraph(
                f"Earlier release, superseded: {_release(notation, past)}", indent=2
            )


def _released(notation: Notation, window: WindowState, *, indent: int = 0) -> list[str]:
    release = window.release
    return (
        _paragraph(f"Released by hand: {_release(notation, release)}", indent=indent)
        if release
        else []
    )


def _release(notation: Notation, release: Row) -> str:
    reason = _visible(release["reason"])
    return f"{reason} ({release['released_by']}, {notation.second(release['released_at'])})"


def _held_back_lines(notation: Notation, window: WindowState, office: str) -> Iterator[str]:
    held = window.held_back
    if held is None:
        return
    yield from _paragraph(
        f"Held back by analytics run {held['quality_run_id']},"
        f" ended {notation.second(held['finished_at'])}:"
    )
    yield from _check_lines(held["checks"])
    figures = "; ".join(f"{each['category']} {_figure(each)}" for each in held["figures"])
    yield from _paragraph(f"The figures held back: {figures}.", indent=2)
    yield "  Correct the cause, and compute it again:"
    yield f"    {office} analytics"
    yield "  Or, if the figures are right, release the window:"
    yield f"    {office} release {notation.iso(window.window_start)} --reason TEXT"


def _check_lines(checks: list[Row]) -> Iterator[str]:
    for check in checks:
        yield from _paragraph(check_in_words(check), indent=2)


def _mark_lines(notation: Notation, window: WindowState) -> Iterator[str]:
    for mark in window.marks[:ROWS_SHOWN]:
        by = "an analytics run with bounds, or for a new category"
        if mark["run_id"]:
            by = f"merge run {mark['run_id']} ({mark['stream']})"
        yield from _paragraph(
            f"Marked to be computed {notation.second(mark['marked_at'])} by {by}."
        )
    yield from _more(len(window.marks) - ROWS_SHOWN, "marks")


def _gone_lines(notation: Notation, gone_rows: list[Row], office: str) -> Iterator[str]:
    for row in gone_rows[:ROWS_SHOWN]:
        what = f"raw row {row['seq']} ({row['stream']} {row['entity_id']})"
        if row["is_recorded"]:
            when = notation.second(row["recorded_at"])
            record = f"{_visible(row['reason'])} ({row['recorded_by']}, {when})"
            yield from _paragraph(f"Erased {what}: {record}")
        else:
            yield from _paragraph(
                f"Gone, without a record of its erasure: {what}. See {office} erased."
            )
    yield from _more(len(gone_rows) - ROWS_SHOWN, "raw rows that are gone")


def _mending_lines(office: str) -> list[str]:
    return [*_heading("To mend it:"), f"  {office} rebuild --apply && {office} analytics"]


def _sum_lines(notation: Notation, biography: WindowBiography) -> Iterator[str]:
    for category in biography.categories:
        yield from _category_lines(notation, biography, category)
    yield from _heading(
        f"Claims in the window: {biography.window.claims};"
        f" counting for no category: {biography.not_counting}."
    )


def _category_lines(
    notation: Notation, biography: WindowBiography, category: CategorySum
) -> Iterator[str]:
    published = f"published {_figure(category.figure)}" if category.figure else "not published"
    yield from _heading(f"{category.category}: {published}")
    if category.contributions:
        yield f"  {'claim':>12} {'price':>14} {'patient':>9}  first diagnosis of the patient"
    for each in category.contributions[:ROWS_SHOWN]:
        diagnosis = f"{notation.precise(each['diagnosed_at'])} ({each['diagnose_id']})"
        yield f"  {each['id']:>12} {each['price']:>14} {each['patient_id']:>9}  {diagnosis}"
    yield from _more(len(category.contributions) - ROWS_SHOWN, "claims")
    yield f"  {'sum':>12} {category.revenue:>14}  {_agreement(biography, category)}".rstrip()


def _agreement(biography: WindowBiography, category: CategorySum) -> str:
    if not category.is_tracked and not category.is_settled:
        return "no longer tracked: the next run withdraws it"
    if not category.is_settled:
        return "new or changed: the next run takes it in"
    if category.agrees:
        return "agrees with the published figure"
    if not biography.window.figures:
        return ""
    if biography.window.marks:
        return "need not agree: the window is due again"
    return "DOES NOT AGREE with the published figure"


# --- words ---


def _heading(text: str) -> list[str]:
    return ["", *_paragraph(text)]


def _paragraph(text: str, *, indent: int = 0) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text, WIDTH, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    )


def _more(hidden: int, what: str) -> Iterable[str]:
    return [f"  … and {hidden} more {what}; --json shows them"] if hidden > 0 else []


def _figure(figure: Row) -> str:
    claims, patients = _count(figure["claims"], "claim"), _count(figure["patients"], "patient")
    return f"{figure['revenue']} ({claims}, {patients})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _span(notation: Notation, window: WindowState) -> str:
    start, end = window.window_start, window.window_end
    return f"{notation.minute(start)} to {notation.end(start, end)} {notation.zone_name}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _visible(text: str) -> str:
    """The text with control characters replaced by their codes, so that none acts on a terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
