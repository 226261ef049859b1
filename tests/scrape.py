"""What a process says of itself over HTTP, read as Prometheus reads it."""

import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    """The metrics of a process at one moment."""

    families: list[Metric]

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The values of all series of a name, by these labels, which tell them apart."""
        found = [
            (tuple(sample.labels[label] for label in labels), sample.value)
            for family in self.families
            for sample in family.samples
            if sample.name == name
        ]
        assert len(dict(found)) == len(found)
        return dict(found)

    def value(self, name: str) -> float:
        """The value of the only series of a name."""
        return self.by(name)[()]

    def some(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Those that are not 0, as a table has no rows of what did not happen."""
        return {key: value for key, value in self.by(name, *labels).items() if value}


def read(text: str) -> Scrape:
    return Scrape(list(text_string_to_metric_families(text)))


def read_registry(registry: CollectorRegistry) -> Scrape:
    return read(generate_latest(registry).decode())


def counts(rows: Iterable[tuple[object, ...]]) -> dict[tuple[str, ...], float]:
    """Rows of a query, the last column of which is a count, as `by` and `some` say it."""
    return {tuple(map(str, row[:-1])): float(str(row[-1])) for row in rows}


def get(port: int, path: str) -> tuple[int, str]:
    """Status and content of an answer, which has to come soon."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def scrape(port: int) -> Scrape:
    status, text = get(port, "/metrics")
    assert status == 200
    return read(text)


def health(port: int) -> tuple[int, list[str]]:
    """Status of /healthz, and the reasons."""
    status, text = get(port, "/healthz")
    answer = json.loads(text)
    assert answer["healthy"] == (status == 200) == (answer["reasons"] == [])
    return status, answer["reasons"]
