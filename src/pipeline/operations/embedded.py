"""An embedded PostgreSQL 18 for a developer's machine.

Everything about it is kept in one folder, `home`:
    postgres/    the data and the server's log; a link if the account that runs the server cannot
                 reach `home`
    port         the port that was chosen
    keep         exists if the server must keep running although no process uses it
    guard.lock   locked while the server is started or stopped
    users.lock   locked, shared, by each process that uses the server; the kernel frees the lock of
                 a dead process
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from pipeline.core.errors import OfficeError
from pipeline.operations.embedded_user import Site, find_site, give, make_site, share_with_owner

USER = "dataeng"
PASSWORD = "best"  # noqa: S105 - the office's documented password; the server listens locally only
DATABASE = "doctor_office"
ADDRESS = "127.0.0.1"
PORT = 15432
FIRST_EPHEMERAL_PORT = 32768

READY_SECONDS = 600  # recovery after a crash may read several gigabytes of WAL
RETRY_SECONDS = 10  # a killed server's process and shared memory can outlive it for a while

SETTINGS = {
    "listen_addresses": ADDRESS,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # Together these keep the values of rows out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "client_connection_check_interval": "500ms",
    "jit": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "128MB",
}
# A statement that reads all days locks the partitions and indexes of each, which may be years of
# days. It is set at every start, because older data folders do not have it in their settings.
LOCKS_PER_TRANSACTION = 1024
# Lines of the log that contain one of these say why a start failed.
TELLING = ("FATAL:", "PANIC:", "could not", "invalid", "unrecognized")
# Lines that contain one of these name an error after which another try may succeed.
PASSING = ("lock file", "shared memory block", "could not bind", "TCP/IP sockets")


class _NotYetError(OfficeError):
    """The server did not start, but another try may succeed."""


@dataclass(frozen=True)
class _Postmaster:
    """A live server process, as its `postmaster.pid` describes it."""

    pid: int
    port: int
    status: str


@contextmanager
def server(
    home: Path, *, init_sql: Path | None, say: Callable[[str], None], port: int = PORT
) -> Iterator[str]:
    """Keep the server under `home` running while the context lasts; yield its URL.

    The last process that uses the server stops it, unless `start` was called to keep it running.

    Args:
        home: the folder for the data and everything that belongs to it; made if missing.
        init_sql: run once, in one transaction, in a new database.
        say: receives a one-line message about anything unusual.
        port: the port for the first start; later starts use the same port.

    Raises:
        OfficeError: the server cannot be set up, started or stopped.
    """
    home = _make_home(home)
    with _open_lock(home / "users.lock") as users:
        try:
            with _guard(home):
                fcntl.flock(users, fcntl.LOCK_SH)
                url = _ensure_running(home, init_sql, say, port)
            yield url
        finally:
            _leave(home, users)


def start(
    home: Path, *, init_sql: Path | None, say: Callable[[str], None], port: int = PORT
) -> str:
    """Start the server under `home` if it is not running, and keep it running until `stop`.

    Returns its URL. Arguments and errors are those of `server`.
    """
    home = _make_home(home)
    with _guard(home):
        url = _ensure_running(home, init_sql, say, port)
        _write(_keep_file(home), "")
    return url


def stop(home: Path) -> bool:
    """Stop the server under `home`, even if others use it; False if it was not running.

    Raises:
        OfficeError: it did not stop.
    """
    home = home.resolve()
    if not home.is_dir():
        return False
    with _guard(home):
        _keep_file(home).unlink(missing_ok=True)
        return _stop(home)


def forget(home: Path) -> None:
    """Stop the server under `home`, and remove its data. The next start makes a new database.

    Raises:
        OfficeError: it did not stop.
    """
    home = home.resolve()
    if not home.is_dir():
        return
    with _guard(home):
        _keep_file(home).unlink(missing_ok=True)
        _stop(home)
        site = find_site(home, "postgres")
        if site and _data(site).exists():
            shutil.rmtree(_data(site))


def _leave(home: Path, users: int) -> None:
    if not home.is_dir():  # removed meanwhile; a server without its folder ends by itself
        return
    with _guard(home):
        if _is_last(users) and not _keep_file(home).exists():
            _stop(home)


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ensure_running(
    home: Path, init_sql: Path | None, say: Callable[[str], None], port: int
) -> str:
    site = make_site(home, "postgres", say)
    if not _data(site).exists():
        _initialise(home, site, init_sql, say, port)
    actual = _start(home, site, _data(site), say, port)
    return f"postgresql://{USER}:{PASSWORD}@{ADDRESS}:{actual}/{DATABASE}"


def _stop(home: Path) -> bool:
    site = find_site(home, "postgres")
    return site is not None and _stop_data(site, _data(site), "fast")


# --- Setting up ---


def _initialise(
    home: Path, site: Site, init_sql: Path | None, say: Callable[[str], None], port: int
) -> None:
    """Make the data in a temporary folder, and move it into place when it is complete."""
    _discard_unfinished(site)
    work = Path(tempfile.mkdtemp(prefix="new-", dir=site.folder))
    give(work, site.account)
    try:
        _initdb(site, work)
        actual = _start(home, site, work / "data", say, port)
        _make_database(site, actual, init_sql)
        _stop_data(site, work / "data", "fast")
        (work / "data").rename(_data(site))
    finally:
        _discard(site, work)


def _discard_unfinished(site: Site) -> None:
    for leftover in [*site.folder.glob("new-*"), *site.folder.glob("copying-*")]:
        _discard(site, leftover)


@retry(
    retry=retry_if_exception_type(OSError),
    stop=stop_after_delay(RETRY_SECONDS),
    wait=wait_fixed(0.1),
    retry_error_callback=lambda _: None,  # what is left now is removed by the next set-up
)
def _discard(site: Site, work: Path) -> None:
    """Remove an unfinished set-up, in which an orphaned initdb may still be writing for a while."""
    _stop_data(site, work / "data", "immediate")
    if work.exists():
        shutil.rmtree(work)


def _initdb(site: Site, work: Path) -> None:
    password = work / "password"
    password.write_text(PASSWORD)
    give(password, site.account)
    settings = [argument for item in SETTINGS.items() for argument in ("--set", "=".join(item))]
    done = site.run(
        "initdb",
        f"--pgdata={work / 'data'}",
        f"--username={USER}",
        f"--pwfile={password}",
        "--auth-host=scram-sha-256",
        "--auth-local=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
        *settings,
    )
    if done.returncode != 0:
        raise OfficeError(f"The database could not be made in {site.folder}: {_last(done.stderr)}")


def _make_database(site: Site, port: int, init_sql: Path | None) -> None:
    created = _psql(site, port, "postgres", "--command", f"CREATE DATABASE {DATABASE}")
    if created.returncode != 0:
        raise OfficeError(f"The database {DATABASE} could not be made: {_last(created.stderr)}")
    if init_sql is None:
        return
    # Through stdin: the account that runs psql may not be able to read the file.
    with _open_script(init_sql) as script:
        done = _psql(site, port, DATABASE, "--single-transaction", "--file=-", stdin=script)
    if done.returncode != 0:
        raise OfficeError(f"{init_sql} failed; correct it and start again: {_last(done.stderr)}")


@contextmanager
def _open_script(init_sql: Path) -> Iterator[int]:
    try:
        descriptor = os.open(init_sql, os.O_RDONLY)
    except OSError as error:
        raise OfficeError(f"{init_sql} cannot be read: {error.strerror}.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _psql(
    site: Site, port: int, database: str, *arguments: str, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    connection = {
        "PGHOST": ADDRESS,
        "PGPORT": str(port),
        "PGUSER": USER,
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": database,
        "PGSSLMODE": "disable",
    }
    # VERBOSITY: print the line number and the SQLSTATE only; a message could quote patients' data.
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=sqlstate"]
    return site.run("psql", *options, *arguments, env=connection, stdin=stdin)


# --- Starting and stopping ---


@retry(
    retry=retry_if_exception_type(_NotYetError),
    stop=stop_after_delay(RETRY_SECONDS),
    wait=wait_fixed(0.2),
    reraise=True,
)
def _start(home: Path, site: Site, data: Path, say: Callable[[str], None], port: int) -> int:
    """Start the server of `data` if it is not running; return its port."""
    running = _settled(data)
    if running:
        return running.port
    chosen = _choose_port(home, port, say)
    _launch(site, data, chosen)
    _write(_port_file(home), str(chosen))
    return chosen


def _launch(site: Site, data: Path, port: int) -> None:
    # A stale file would prevent the start if another process now has the pid in it. Two servers on
    # the same data are still impossible, because the shared memory is bound to the folder.
    (data / "postmaster.pid").unlink(missing_ok=True)
    log = site.folder / "server.log"
    log_size = log.stat().st_size if log.exists() else 0
    options = f"-p {port} -c max_locks_per_transaction={LOCKS_PER_TRANSACTION}"
    done = _pg_ctl(site, "start", data, f"--log={log}", f"--options={options}")
    if done.returncode != 0:
        raise _start_error(log, log_size, done.stderr)


def _start_error(log: Path, log_size: int, stderr: str) -> OfficeError:
    reason = _reason(log, log_size) or _last(stderr)
    kind = _NotYetError if any(sign in reason for sign in PASSING) else OfficeError
    return kind(f"PostgreSQL did not start: {reason} (see {log})")


def _reason(log: Path, log_size: int) -> str:
    """Return why the server ended, from the log lines after the first `log_size` bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as lines:
        lines.seek(log_size)
        text = lines.read().decode("utf-8", "replace")
    told = [line for line in text.splitlines() if any(sign in line for sign in TELLING)]
    return "; ".join(line.partition("] ")[2] or line for line in told[-2:])


def _stop_data(site: Site, data: Path, mode: str) -> bool:
    """Stop the server of `data` if it is running; False if it is not."""
    if _postmaster(data) is None:
        return False
    done = _pg_ctl(site, "stop", data, f"--mode={mode}")
    left = _postmaster(data)
    if left:
        raise OfficeError(
            f"PostgreSQL (process {left.pid}) did not stop: {_last(done.stderr)} "
            f"(see {site.folder / 'server.log'})"
        )
    return True


def _pg_ctl(site: Site, action: str, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    wait = ["--wait", f"--timeout={READY_SECONDS}"]
    return site.run("pg_ctl", action, f"--pgdata={data}", *wait, *options)


def _is_between(found: _Postmaster | None) -> bool:
    return found is not None and found.status != "ready"


def _give_up(state: RetryCallState) -> _Postmaster | None:
    raise OfficeError(
        f"PostgreSQL has been starting or stopping for {READY_SECONDS} s in {state.args[0]}: "
        "see the server.log beside it."
    )


@retry(
    retry=retry_if_result(_is_between),
    stop=stop_after_delay(READY_SECONDS),
    wait=wait_fixed(0.1),
    retry_error_callback=_give_up,
)
def _settled(data: Path) -> _Postmaster | None:
    """Wait until the server of `data` is ready or has ended; return it, or None if it has ended."""
    return _postmaster(data)


def _postmaster(data: Path) -> _Postmaster | None:
    """Return the live server of `data`, None if there is none."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        found = _Postmaster(int(lines[0]), int(lines[3]), lines[7].strip() if lines[7:] else "")
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return found if _works_in(found.pid, data) else None


def _works_in(pid: int, data: Path) -> bool:
    """Return whether the working folder of process `pid` is `data`, as it is for its server."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == data
        except OSError:  # it has ended, or it belongs to another account
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- The port ---


def _choose_port(home: Path, preferred: int, say: Callable[[str], None]) -> int:
    wanted = _remembered_port(home) or preferred
    if _is_free(wanted):
        return wanted
    free = next(filter(_is_free, range(PORT, FIRST_EPHEMERAL_PORT)), None)
    if free is None:
        raise OfficeError(f"Every port from {PORT} to {FIRST_EPHEMERAL_PORT - 1} is taken.")
    say(f"Port {wanted} is taken by another program: the database uses port {free}.")
    return free


def _remembered_port(home: Path) -> int | None:
    try:
        return int(_port_file(home).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


# --- Files ---


def _data(site: Site) -> Path:
    return site.folder / "data"


def _make_home(home: Path) -> Path:
    home = home.resolve()
    if not home.is_dir():
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OfficeError(f"{home} cannot be made: {error.strerror}.") from error
        share_with_owner(home)
    return home


def _keep_file(home: Path) -> Path:
    return home / "keep"


def _port_file(home: Path) -> Path:
    return home / "port"


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    share_with_owner(path)


@contextmanager
def _guard(home: Path) -> Iterator[None]:
    """Hold the lock that is needed to start or stop the server."""
    with _open_lock(home / "guard.lock") as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OfficeError(
            f"{path} cannot be written ({error.strerror}): {path.parent} must belong to you."
        ) from error
    try:
        share_with_owner(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _last(text: str) -> str:
    return text.strip().rpartition("\n")[2]
