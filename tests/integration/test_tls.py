"""Encryption of the link can be required. The embedded server has none: a front has it instead."""

import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from psycopg2.extensions import make_dsn, parse_dsn

from pipeline.core.database import Database, wait_until_reachable
from pipeline.core.errors import OfficeError
from pipeline.core.statements import Cursor

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@contextmanager
def tls_front(port: int, authority: trustme.CA) -> Iterator[int]:
    """A server that speaks TLS as PostgreSQL does, and passes on to a port that doesn't."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):  # closed
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError), plain, socket.create_connection(("127.0.0.1", port)) as behind:
        assert plain.recv(8) == SSL_REQUEST
        plain.sendall(b"S")
        with context.wrap_socket(plain, server_side=True) as front:
            while True:
                ready = [front] if front.pending() else select.select([front, behind], [], [])[0]
                for source, sink in ((front, behind), (behind, front)):
                    if source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        sink.sendall(data)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def front_url(shared_database_url: str, authority: trustme.CA) -> Iterator[str]:
    """The database behind TLS."""
    with tls_front(int(parse_dsn(shared_database_url)["port"]), authority) as port:
        yield make_dsn(shared_database_url, port=port)


def encryption(cursor: Cursor) -> bool:
    return bool(cursor.connection.info.ssl_in_use)


def test_a_link_whose_encryption_is_required_is_encrypted(
    front_url: str, authority: trustme.CA, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(root))
    dsn = make_dsn(front_url, sslmode="verify-full", sslrootcert=str(root))
    with closing(Database(dsn)) as database:
        assert database.run(encryption)


def refused(dsn: str) -> str:
    with closing(Database(dsn)) as database, pytest.raises(OfficeError) as told:
        wait_until_reachable(database, seconds=0.1)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_server_whose_certificate_another_authority_gave_is_refused(
    front_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    trustme.CA().cert_pem.write_to_path(str(root))
    dsn = make_dsn(front_url, sslmode="verify-full", sslrootcert=str(root))
    assert "certificate verify failed" in refused(dsn)


@pytest.mark.parametrize("variable", [False, True])
def test_a_server_without_encryption_is_refused_where_it_is_required(
    shared_database_url: str, monkeypatch: pytest.MonkeyPatch, *, variable: bool
) -> None:
    if variable:
        monkeypatch.setenv("PGSSLMODE", "require")
        assert "does not support SSL" in refused(shared_database_url)
    else:
        assert "does not support SSL" in refused(make_dsn(shared_database_url, sslmode="require"))
