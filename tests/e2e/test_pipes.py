"""The streams through named pipes, between real processes, with the practice's variables."""

import itertools
import os
import signal
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from e2e.lines import claim, diagnose
from e2e.processes import Office, Running, wait_until
from e2e.queries import KNOW_PATIENT_0, execute, fetch, received, reconciliation, staged_ids
from scrape import health, scrape
from utils.pipes import HEADER_BYTES, MOST_BYTES, PipeSink, frame_of

QUICK = {
    "OFFICE_PUBLISH_SECONDS": "0.01",
    "OFFICE_MERGE_SECONDS": "0.3",
    "OFFICE_DUPLICATE_SHARE": "0",
}
STREAMS = ("claim", "diagnose")
DB_VARIABLES = {
    "DB_HOST": "host",
    "DB_PORT": "port",
    "DB_NAME": "dbname",
    "DB_USER": "user",
    "DB_PASS": "password",
}


@pytest.fixture
def practice(office: Office, tmp_path: Path) -> dict[str, str]:
    """What the practice's programs are told, in its own variables alone."""
    parts = parse_dsn(str(office.database_url))
    database = {variable: parts[name] for variable, name in DB_VARIABLES.items()}
    return {"DATABASE_URL": "", **database, **pipes_in(tmp_path), **QUICK}


def pipes_in(folder: Path) -> dict[str, str]:
    return {f"{stream.upper()}_PIPE_NAME": str(folder / stream) for stream in STREAMS}


def wait_for_more(publisher: Running, url: str, count: int = 50) -> None:
    enough = received(url) + count
    publisher.wait_until(lambda: received(url) >= enough)


def runs_of(ids: list[int]) -> int:
    """Into how many stretches without a gap the ids fall."""
    return sum(following != number + 1 for number, following in itertools.pairwise(ids)) + 1


def test_publishers_come_and_go_and_every_event_is_staged_once(
    office: Office, practice: dict[str, str]
) -> None:
    url, port = str(office.database_url), office.metrics_port
    execute(url, KNOW_PATIENT_0)
    ingestor = office.start(program="ingestor", **practice)
    ingestor.wait_until(lambda: "event=receiving" in ingestor.err)
    not_there = [f"the pipe of {stream} is not there" for stream in STREAMS]
    wait_until(lambda: health(port) == (503, not_there))
    killed = office.start("publish", **practice)
    wait_for_more(killed, url)
    wait_until(lambda: health(port) == (200, []))
    assert scrape(port).by("office_pipe_up", "stream") == {("claim",): 1, ("diagnose",): 1}
    killed.process.kill()
    no_publisher = [f"the pipe of {stream} has no publisher" for stream in STREAMS]
    wait_until(lambda: health(port) == (503, no_publisher))
    second = office.start("publish", **practice)
    wait_for_more(second, url)
    # The pipes stay where they are, and the publisher waits.
    assert ingestor.stop(signal.SIGTERM).code == 0
    ingestor = office.start(program="ingestor", **practice)
    wait_for_more(second, url)
    assert second.stop(signal.SIGTERM).code == 0
    wait_until(lambda: health(port) == (503, no_publisher))
    assert ingestor.stop(signal.SIGTERM).code == 0
    for stream, counts in reconciliation(url).items():
        ids = staged_ids(url, stream)
        assert runs_of(ids) == 2
        assert counts == dict.fromkeys(counts, 0) | {"received": len(ids), "merged": len(ids)}


def test_whatever_comes_out_of_a_pipe_is_recorded_and_the_stream_goes_on(
    office: Office, practice: dict[str, str], tmp_path: Path
) -> None:
    url, port = str(office.database_url), office.metrics_port
    ingestor = office.start(program="ingestor", **practice)
    ingestor.wait_until(lambda: "event=receiving" in ingestor.err)
    whole = claim(1, patient=1, price=3)
    absurd = (MOST_BYTES + 1).to_bytes(HEADER_BYTES, "big") + claim(2, patient=1, price=3)
    burst = [claim(number, patient=1, price=3) for number in range(100, 900)]
    sent = [whole, b"", b"\xff\xfe no UTF-8", b"x" * (1024 * 1024 + 1), absurd, *burst]
    written = b"".join(payload if payload is absurd else frame_of(payload) for payload in sent)
    cut = frame_of(claim(3, patient=1, price=3))[:60]
    os.mkfifo(tmp_path / "claim")
    with (tmp_path / "claim").open("wb") as writer:
        writer.write(written + cut)
    ingestor.wait_until(
        lambda: scrape(port).by("office_broken_frames_total", "stream")["claim",] == 2
    )
    sink = PipeSink(tmp_path / "diagnose", "diagnose")
    assert sink.publish(diagnose(1, patient=1, icd10_code="R41.3"), 60)
    ingestor.wait_until(lambda: reconciliation(url)["diagnose"]["merged"] == 1)
    wait_until(lambda: reconciliation(url)["claim"]["pending"] == 0)
    staged = fetch(
        url,
        "SELECT coalesce(payload_bytes, convert_to(payload, 'UTF8')) FROM staging.event "
        "WHERE stream = 'claim' ORDER BY seq",
    )
    assert [bytes(payload) for (payload,) in staged] == [*sent, cut[HEADER_BYTES:]]
    counts = reconciliation(url)["claim"]
    assert (counts["merged"], counts["rejected"]) == (1 + len(burst), 5)
    ended = ingestor.stop(signal.SIGTERM)
    sink.close()
    assert ended.code == 0
    assert f'event="broken frame" stream=claim reason="absurd length" bytes={len(absurd)}\n' in (
        ended.err
    )
    assert 'event="broken frame" stream=claim reason="cut off" bytes=60\n' in ended.err
    assert "patient_id" not in ended.err


def test_what_is_wrong_with_pipes_is_told_in_a_line(
    office: Office, practice: dict[str, str], tmp_path: Path
) -> None:
    first = office.start(program="ingestor", **practice)
    first.wait_until(lambda: "event=receiving" in first.err)
    second = office.start(program="ingestor", **practice, OFFICE_METRICS_PORT="0").result()
    assert second.code == 1
    assert second.err.splitlines()[-1] == (
        f"Error: Nothing is received: the pipe {tmp_path / 'claim'} has a subscriber already."
    )
    nowhere = office.start("publish", **practice | pipes_in(tmp_path / "nowhere")).result()
    assert nowhere.code == 1
    assert "Nothing is published: the pipe" in nowhere.err
    assert "can't be made (No such file or directory)." in nowhere.err
    both = office.start("status", **practice, OFFICE_BROKER_URL="nats://localhost").result()
    assert (both.code, both.err.count("\n")) == (2, 1)
    assert "unset one of them" in both.err
    shared = office.start("run", "--ingestors", "2", **practice).result()
    assert (shared.code, shared.err.count("\n")) == (2, 1)
    assert "CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME name pipes" in shared.err
    assert first.stop(signal.SIGTERM).code == 0
