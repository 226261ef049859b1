"""What is served at the port of the pages, from the first second on."""

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.settings import PROJECT_FOLDER
from pipeline.operations.serving import serving
from pipeline.report.site import preparing_page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """It does not exist yet."""
    return tmp_path / "reports"


@pytest.fixture
def server(folder: Path) -> Iterator[http.client.HTTPConnection]:
    with serving(folder, 0, preparing=preparing_page()) as address:
        yield http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)


def ask(
    server: http.client.HTTPConnection, path: str, method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, str]:
    server.request(method, path)
    answer = server.getresponse()
    return answer.status, answer.headers, answer.read().decode()


@pytest.mark.parametrize("path", ["/", "/index.html", "/?again", "/./", "//"])
def test_a_page_says_what_is_being_prepared(server: http.client.HTTPConnection, path: str) -> None:
    status, headers, text = ask(server, path)
    assert status == 503
    assert headers["Retry-After"] == "5"
    assert headers["Cache-Control"] == "no-store"
    assert "The pages are being prepared" in text
    assert "less than a minute" in text
    assert '<meta http-equiv="refresh" content="5">' in text
    # It needs no other file, as there is none.
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["data:,"]


def test_a_head_is_answered_without_a_body(server: http.client.HTTPConnection) -> None:
    assert ask(server, "/", "HEAD")[::2] == (503, "")


def test_the_real_page_takes_its_place(server: http.client.HTTPConnection, folder: Path) -> None:
    assert ask(server, "/")[0] == 503
    (folder / "days").mkdir(parents=True)
    assert ask(server, "/")[0] == 503
    (folder / "index.html").write_text("real", encoding="utf-8")
    (folder / "days" / "2026-05-04.html").write_text("day", encoding="utf-8")
    assert ask(server, "/")[::2] == (200, "real")
    assert ask(server, "/days/2026-05-04.html")[::2] == (200, "day")


def test_nothing_but_pages_is_sent(
    server: http.client.HTTPConnection, folder: Path, tmp_path: Path
) -> None:
    secret = "not to be seen"
    (folder / "days").mkdir(parents=True)
    (folder / ".days.json").write_text(secret, encoding="utf-8")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "page.html").write_text(secret, encoding="utf-8")
    (tmp_path / "secret").write_text(secret, encoding="utf-8")
    (tmp_path / "reports2").mkdir()
    (tmp_path / "reports2" / "secret").write_text(secret, encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "index.html").write_text("real", encoding="utf-8")
    refused = (
        "/days/",
        "/.days.json",
        "/.hidden/page.html",
        "/link",
        "/outside/",
        "/outside/secret",
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/days/../../secret",
        "/../reports2/secret",
        "/nowhere.html",
        "/%00",
        "/" + "x" * 5000,
    )
    answers = {path: ask(server, path) for path in refused}
    assert {status for status, _, _ in answers.values()} == {404}
    assert not [path for path, (_, _, text) in answers.items() if secret in text]


def test_a_list_of_a_folder_is_not_sent(server: http.client.HTTPConnection, folder: Path) -> None:
    (folder / "runs").mkdir(parents=True)
    (folder / "runs" / "1.html").write_text("run", encoding="utf-8")
    for path in ("/", "/runs/", "/runs"):
        assert "1.html" not in ask(server, path)[2]


def test_the_service_answers_before_there_is_a_page_and_stops_when_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environment = {"OFFICE_REPORTS": str(folder), "OFFICE_REPORTS_PORT": str(port)}
    command = [sys.executable, str(PROJECT_FOLDER / "src" / "reports.py")]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    ) as service:
        assert service.stderr
        assert "started" in service.stderr.readline()
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        assert ask(server, "/")[0] == 503
        server.close()
        service.terminate()
        assert service.wait(30) == 0
