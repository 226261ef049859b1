"""`office.py run`: everything at once, as a user starts and stops it.

All but one on servers of their own: a run gives the roles new passwords, and roles are a server's.
"""

import re
import signal
import socket
from collections.abc import Callable
from http.client import HTTPConnection

import psutil  # type: ignore[import-untyped]

from e2e.processes import Office, wait_until
from e2e.queries import KNOW_PATIENT_0, execute, reconciliation, staged_ids

FATES = ("merged", "duplicate", "conflict", "rejected")
COUNTS = (
    r"received (\d+), merged (\d+), duplicate (\d+), conflict (\d+), rejected (\d+), pending (\d+)"
)
LINE = re.compile(
    rf"\d\d:\d\d:\d\d claim: {COUNTS}; diagnose: {COUNTS}; window closes \d\d:\d0; "
    r"(?:no run yet|run \d+ [a-z ]+); windows due \d+"
)


def status_of(line: str) -> tuple[list[int], list[int]]:
    """The counts of claim and of diagnose that a plain status line shows."""
    match = LINE.fullmatch(line)
    assert match, line
    counts = [int(count) for count in match.groups()]
    return counts[:6], counts[6:]


def received(output: str) -> int:
    """What the last plain status line says of the stream that has fewer."""
    lines = output.splitlines()
    return min(counts[0] for counts in status_of(lines[-1])) if lines else 0


def page(port: int, path: str = "/index.html") -> str:
    """A page, empty while it isn't there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.read().decode() if reply.status == 200 else ""
    except OSError:
        return ""
    finally:
        connection.close()


def shows_report(port: int) -> Callable[[], bool]:
    """Whether the report is served, which it is once analytics has run."""
    return lambda: "Revenue by diagnosis" in page(port)


def child_of(pid: int, program: str) -> psutil.Process:
    [found] = [
        child
        for child in psutil.Process(pid).children()
        if any(word.endswith(f"{program}.py") for word in child.cmdline())
    ]
    return found


def errors(text: str) -> list[str]:
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("Error:")]


def test_ctrl_c_drains_and_the_next_run_goes_on(given_office: Office) -> None:
    office = given_office
    first = office.start("run", OFFICE_PUBLISH_SECONDS="0.05", OFFICE_DUPLICATE_SHARE="0.3")
    first.wait_until(lambda: received(first.out) > 20)
    first.wait_until(shows_report(office.reports_port))
    ended = first.stop(signal.SIGINT)
    assert ended.code == 0, ended.err
    wait_until(lambda: not office.processes())

    url = office.command("db").out.strip()
    execute(url, KNOW_PATIENT_0)
    office.command("merge")
    before = reconciliation(url)
    for stream, counts in before.items():
        assert counts["received"] > 20, stream
        assert counts["conflict"] > 0, stream
        assert counts["pending"] == counts["rejected"] == 0, stream
    assert [counts[0] for counts in status_of(ended.out.splitlines()[-1])] == [
        counts["received"] for counts in before.values()
    ]

    unattended = office.command(
        "run", "--for", "5", OFFICE_PUBLISH_SECONDS="0.1", OFFICE_DUPLICATE_SHARE="0"
    )
    assert unattended.code == 0, unattended.err
    lines = unattended.out.splitlines()
    assert len(lines) >= 2
    for stream, shown in zip(before, status_of(lines[-1]), strict=True):
        after = reconciliation(url)[stream]
        assert shown == list(after.values())
        assert after["merged"] > before[stream]["merged"]
        grown = {name for name in FATES if after[name] != before[stream][name]}
        assert grown == {"merged"}, stream
        assert after["pending"] == 0
        ids = staged_ids(url, stream)
        newest = max(ids[: before[stream]["received"]])
        later = ids[before[stream]["received"] :]
        assert later == list(range(newest + 1, newest + 1 + len(later)))


def test_a_second_run_is_refused_and_a_taken_port_avoided(office: Office) -> None:
    with socket.create_server(("127.0.0.1", office.reports_port)):
        first = office.start("run", OFFICE_MERGE_PASSWORD="best")
        first.wait_until(lambda: "is taken" in first.err)
        said = re.search(
            r"Port (\d+) is taken; the pages are at http://localhost:(\d+) ", first.err
        )
        assert said
        assert int(said[1]) == office.reports_port
        first.wait_until(shows_report(int(said[2])))

    second = office.command("run")
    assert second.code == 2
    assert second.out == ""
    assert second.err.splitlines() == errors(second.err)
    assert f"process {first.process.pid}:" in second.err
    assert len(second.err.splitlines()) == 1

    first.process.kill()
    first.result()
    wait_until(lambda: not office.processes())


def test_a_killed_ingestor_ends_the_run(embedded_office: Office) -> None:
    office = embedded_office
    running = office.start("run")
    running.wait_until(shows_report(office.reports_port))
    child_of(running.process.pid, "ingestor").kill()
    ended = running.result()
    assert ended.code == 1
    log = office.home / "logs" / "ingestor.log"
    assert errors(ended.err) == [f"Error: ingestor ended unexpectedly: see {log}."]
    assert log.exists()
    wait_until(lambda: not office.processes())


def test_run_can_be_stopped_while_its_processes_are_starting(embedded_office: Office) -> None:
    office = embedded_office
    ended = office.command("run", "--for", "0.2")
    assert (ended.code, errors(ended.err)) == (0, [])


def test_a_terminal_of_80_columns_shows_the_streams(embedded_office: Office) -> None:
    office = embedded_office
    terminal = office.start_in_terminal("run", OFFICE_PUBLISH_SECONDS="0.1")
    row = r"^{} +[1-9]\d* +[1-9]\d* +\d+ +\d+ +\d+ +\d+ +\d\.\d/s +\d+ s *$"
    both = [re.compile(row.format(stream), re.MULTILINE) for stream in ("claim", "diagnose")]
    wait_until(lambda: all(pattern.search(shown(terminal.text())) for pattern in both))
    wait_until(shows_report(office.reports_port))
    terminal.press(b"\x03")
    assert terminal.wait() == 0

    text = shown(terminal.text())
    header = "stream +received +merged +duplicate +conflict +rejected +pending +rate +lag"
    assert re.search(header, text)
    for told in (
        f"pages        http://localhost:{office.reports_port}",
        "next window  closes",
        "; next run ",
        "Ctrl-C drains and stops.",
        "Stopping: ",
    ):
        assert told in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    wait_until(lambda: not office.processes())


def shown(text: str) -> str:
    """What a terminal was sent, a line a line."""
    return re.sub(r"\r+\n?", "\n", text)
