"""The server of /metrics and /healthz, by itself."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry, Gauge

from pipeline.core.logs import LogfmtFormatter
from pipeline.operations.monitor import monitoring


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.fixture
def free(taken: int) -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    assert port != taken
    return port


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("visits", "Visits.", registry=registry).set(3)
    return registry


def get(port: int, path: str) -> tuple[int, str, str]:
    """Status, type of the content, and the content."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, str(answer.getheader("Content-Type")), answer.read().decode()


def last_line(caplog: pytest.LogCaptureFixture) -> str:
    return LogfmtFormatter().format(caplog.records[-1]).split(" ", 1)[1]


def test_metrics_are_served_while_the_context_lasts(
    registry: CollectorRegistry, free: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with monitoring(registry, list, address="127.0.0.1", port=free):
        status, content_type, text = get(free, "/metrics")
        assert status == 200
        assert content_type.startswith("text/plain; version=")
        assert text == "# HELP visits Visits.\n# TYPE visits gauge\nvisits 3.0\n"
        assert last_line(caplog) == (
            'level=info logger=pipeline.operations.monitor event="metrics are served" '
            f"address=127.0.0.1 port={free}"
        )
    with pytest.raises(ConnectionRefusedError):
        get(free, "/metrics")


def test_health_is_the_lack_of_problems(registry: CollectorRegistry, free: int) -> None:
    problems: list[str] = []
    with monitoring(registry, lambda: problems, address="127.0.0.1", port=free):
        assert get(free, "/healthz") == (
            200,
            "application/json",
            '{"healthy": true, "reasons": []}\n',
        )
        problems.append("no merge has succeeded yet")
        status, _, text = get(free, "/healthz?verbose")
        assert status == 503
        assert json.loads(text) == {"healthy": False, "reasons": ["no merge has succeeded yet"]}


@pytest.mark.parametrize("path", ["/", "/metrics/", "/health", "/../etc/passwd"])
def test_nothing_else_is_served(registry: CollectorRegistry, free: int, path: str) -> None:
    with monitoring(registry, list, address="127.0.0.1", port=free):
        assert get(free, path)[0] == 404


def test_a_port_that_is_taken_is_left_and_another_one_is_named(
    registry: CollectorRegistry, taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    with monitoring(registry, list, address="127.0.0.1", port=taken):
        fields = dict(pair.split("=", 1) for pair in last_line(caplog).split() if "=" in pair)
        assert fields["level"] == "warning"
        assert fields["taken"] == str(taken)
        assert get(int(fields["port"]), "/healthz")[0] == 200


def test_an_address_of_another_machine_stops_nothing(
    registry: CollectorRegistry, free: int, caplog: pytest.LogCaptureFixture
) -> None:
    with monitoring(registry, list, address="192.0.2.1", port=free):
        assert 'event="metrics are not served"' in last_line(caplog)


def test_port_0_serves_nothing(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with monitoring(registry, list, address="127.0.0.1", port=0):
        assert caplog.records == []


def test_a_question_that_breaks_is_told_by_its_kind(
    registry: CollectorRegistry,
    free: int,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def complain() -> list[str]:
        raise ValueError("Key (id)=(4711)")

    with monitoring(registry, complain, address="127.0.0.1", port=free):
        with pytest.raises(ConnectionError):
            get(free, "/healthz")
        assert get(free, "/metrics")[0] == 200
    assert last_line(caplog).endswith('event="request not answered" error=ValueError')
    assert "4711" not in capsys.readouterr().err
