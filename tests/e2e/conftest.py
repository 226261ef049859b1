import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.processes import Office, free_port
from prepared import make_server_home, prepare, prepare_with_schema


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Where the output of every process goes."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def office(database_url: str, tmp_path: Path, outputs: Path) -> Iterator[Office]:
    """An office on a fresh database of the tests' server."""
    home = tmp_path / "home"
    home.mkdir()
    made = Office(home, outputs, database_url)
    yield made
    made.close()


@pytest.fixture
def embedded_office(new_office: Office) -> Office:
    """An office with a server of its own and the schema, at a port that no other one takes."""
    prepare_with_schema(new_office.home)
    (new_office.home / "port").write_text(str(free_port()))
    return new_office


@pytest.fixture
def given_office(new_office: Office) -> Office:
    """An office with a server of its own that has the given tables only."""
    prepare(new_office.home)
    (new_office.home / "port").write_text(str(free_port()))
    return new_office


@pytest.fixture
def new_office(outputs: Path) -> Iterator[Office]:
    """An office that is to set up a server of its own."""
    home = make_server_home()
    made = Office(home, outputs)
    yield made
    made.close()
    shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
