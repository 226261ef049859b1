"""The terminal is closed while the office is at work: it ends as after Ctrl-C, leaving nothing."""

import re
import shlex
import signal
import sys

import pytest

from e2e.processes import Office, Terminal, wait_until
from e2e.queries import reconciliation
from e2e.test_run import received, shown

# What `make` is to a command: the leader of the terminal's session, which waits for its child.
STARTER = """
import subprocess, sys
sys.exit(subprocess.call(sys.argv[1:]))
"""


def shows_events(terminal: Terminal) -> bool:
    return re.search(r"^claim +[1-9]", shown(terminal.text()), re.MULTILINE) is not None


def test_a_run_whose_terminal_is_closed_drains_and_stops(embedded_office: Office) -> None:
    office = embedded_office
    terminal = office.start_in_terminal("run", OFFICE_PUBLISH_SECONDS="0.1")
    wait_until(lambda: shows_events(terminal))
    assert terminal.hang_up() == 0
    wait_until(lambda: not office.processes())
    url = office.command("db").out.strip()
    for counts in reconciliation(url).values():
        assert counts["received"] > 0
        assert counts["pending"] == 0


def test_a_run_under_another_program_stops_with_its_terminal(embedded_office: Office) -> None:
    office = embedded_office
    terminal = office.start_in_terminal("run", before=shlex.join([sys.executable, "-c", STARTER]))
    wait_until(lambda: shows_events(terminal))
    terminal.hang_up()
    wait_until(lambda: not office.processes())


@pytest.mark.parametrize("until", ["A database is made", "It is worked through"])
def test_a_demo_whose_terminal_is_closed_leaves_nothing_running(
    new_office: Office, until: str
) -> None:
    office = new_office
    terminal = office.start_in_terminal("demo", "--hours", "1")
    wait_until(lambda: until in shown(terminal.text()))
    terminal.hang_up()
    wait_until(lambda: not office.processes())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_no_server_behind(
    embedded_office: Office, number: signal.Signals
) -> None:
    running = embedded_office.start("load", "-", "--stream", "claim")
    running.wait_until(
        lambda: any("postgres" in line for line in embedded_office.processes().values())
    )
    ended = running.stop(number)
    assert ended.code == 130
    assert "Stopped" in ended.err
    wait_until(lambda: not embedded_office.processes())


@pytest.mark.parametrize("program", ["ingestor", "analytics"])
def test_a_service_drains_after_a_hangup(office: Office, program: str) -> None:
    running = office.start(program=program)
    running.wait_until(lambda: "event=receiving" in running.err or "run ended" in running.err)
    ended = running.stop(signal.SIGHUP)
    assert ended.code == 0
    assert ended.err.splitlines()[-1].endswith("event=stopped")


def test_under_nohup_a_run_outlives_its_terminal(embedded_office: Office) -> None:
    running = embedded_office.start("run", before="nohup", OFFICE_PUBLISH_SECONDS="0.1")
    running.wait_until(lambda: received(running.out) > 0)
    running.process.send_signal(signal.SIGHUP)
    # More than those that were under way when the signal came.
    enough = received(running.out) + 20
    running.wait_until(lambda: received(running.out) > enough)
    ended = running.stop(signal.SIGTERM)
    assert ended.code == 0, ended.err
