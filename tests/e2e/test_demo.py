"""`office.py demo`, as a newcomer sees it, and its figures against the independent model."""

import re
import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from e2e.processes import Office, Terminal, wait_until
from e2e.queries import fetch, reconciliation
from e2e.test_run import page, shown
from model import RawRow, merge, revenue

# In the order of merging, but for the runs of the two streams, which don't depend on each other.
RAW_ROWS = """
    SELECT e.seq, e.stream, coalesce(convert_to(e.payload, 'UTF8'), e.payload_bytes), e.received_at
    FROM staging.outcome AS o INNER JOIN staging.event AS e USING (seq) ORDER BY o.run_id, o.seq
"""
FIGURES = """
    SELECT window_start, category, revenue, claims, patients FROM analytics.revenue_by_diagnosis
"""


def test_the_demo_shows_everything_at_work(new_office: Office) -> None:
    office = new_office
    # Its office is its own, whatever database the environment names.
    terminal = office.start_in_terminal(
        "demo", "--hours", "1", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere"
    )
    wait_until(lambda: "Ctrl-C stops." in terminal.text() or terminal.process.poll() is not None)
    text = shown(terminal.text())
    assert max(map(len, text.splitlines())) <= 80, text
    check_pages(text)
    check_figures(office, text)
    check_questions(office, text)
    check_end(office, terminal)


def check_pages(text: str) -> None:
    [port] = re.findall(r"The pages: http://localhost:(\d+)\n", text)
    assert "Amnesia" in page(int(port))


def check_figures(office: Office, text: str) -> None:
    url = office.command("--demo", "db").out.strip()
    counts = reconciliation(url)
    assert counts["claim"]["pending"] == counts["diagnose"]["pending"] == 0
    for fate in ("merged", "duplicate", "conflict", "rejected"):
        # An hour of the night may have no bad diagnosis.
        assert counts["claim"][fate] + counts["diagnose"][fate] > 0
    rows = [
        RawRow(seq, stream, bytes(payload), received_at.astimezone(UTC))
        for seq, stream, payload, received_at in fetch(url, RAW_ROWS)
    ]
    expected = revenue(merge(rows, range(1, 1001)), datetime.now(UTC))
    [held_back] = re.findall(r"explain window (\S+)\n.*\n.*release \1 ", text)
    start = datetime.fromisoformat(held_back)
    published = {
        (window.astimezone(UTC), category): figure
        for window, category, *figure in fetch(url, FIGURES)
    }
    assert published == {
        key: [figure.revenue, figure.claims, figure.patients]
        for key, figure in expected.items()
        if key[0] != start
    }
    assert expected[(start, "Amnesia")].revenue > Decimal(10_000)
    # The hour but for the window in which the line was down, and the one that is held back.
    assert (
        len({window for window, _ in published}) == timedelta(hours=1) / timedelta(minutes=10) - 2
    )


def check_questions(office: Office, text: str) -> None:
    lines = re.findall(r"^    python src/office.py (--demo .+)$", text, re.MULTILINE)
    answers = [office.command(*shlex.split(line)) for line in lines]
    assert [answer.code for answer in answers] == [0] * len(answers)
    stranger, conflict, figure, held_back, released, status, verified = [a.out for a in answers]
    assert "(unknown_patient)" in stranger
    assert "where the clean row has" in conflict
    assert "agrees with the published figure" in figure
    assert "No single price is above 10,000." in held_back
    assert "python src/office.py --demo release " in held_back
    assert "is published by hand" in released
    assert "held back" not in status.split("last run")[1].partition("\n")[2]
    assert all(line.startswith("ok ") for line in verified.splitlines())


def check_end(office: Office, terminal: Terminal) -> None:
    terminal.press(b"\x03")
    assert terminal.wait() == 0
    assert "The demo is over." in terminal.text()
    office.command("--demo", "db", "--stop")
    assert not (office.home / "postgres").exists()
    wait_until(lambda: not office.processes())
