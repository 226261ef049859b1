"""The office on a real Citus cluster, beside one on plain PostgreSQL, where there is a cluster.

CITUS_DSN names a database on its coordinator: a superuser's, with the extension, and with workers
added, and nothing of an office in it. What is made in it is dropped again. CITUS_WORKER_STOP and
CITUS_WORKER_START are shell commands that stop and start one of the workers; without them, no
worker is killed. Run it as it stands, and without -n:

    CITUS_DSN=postgresql://… pytest tests/integration/test_citus.py
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg2
import pytest

from e2e.processes import Office, wait_until
from e2e.queries import KNOW_PATIENT_0, execute, fetch, published
from e2e.test_roles import WHO
from integration.citus import OF_AN_OFFICE, Layout, ask, drop_office, layout_of, layout_sql
from integration.events import claim, diagnose, empty, rows
from integration.story import (
    DAMAGES,
    FACTS,
    FORGET,
    NOON,
    STORY,
    Facts,
    facts,
    findings,
    in_order,
    tell,
)
from office import SECTIONS
from pipeline.audit.rebuild import rebuild
from pipeline.core.cluster import count_workers, is_cluster
from pipeline.core.database import PASSING_ERRORS, Database
from pipeline.merge.merge import merge_pending
from pipeline.schema.migrate import apply_schema
from pipeline.schema.roles import ROLES, login_as
from pipeline.staging.append import append
from prepared import INIT_SQL
from sql.runner import differences
from sql.test_cases import CASES
from sql.test_cases import HERE as OF_CASES

DSN: Final = os.environ.get("CITUS_DSN", "")
WORKER_STOP: Final = os.environ.get("CITUS_WORKER_STOP", "")
WORKER_START: Final = os.environ.get("CITUS_WORKER_START", "")

if not DSN:
    pytest.skip("CITUS_DSN is not given: nothing was run on Citus", allow_module_level=True)

PASSWORD: Final = "best"
PASSWORDS: Final = {f"OFFICE_{role.upper()}_PASSWORD": PASSWORD for role in ROLES}
# Before it becomes a cluster, the office has this much of the story.
BEFORE: Final = STORY[:3]

# What a table and a view are to their readers: rights and comments.
RELATIONS: Final = """
    SELECT c.oid::regclass::text, c.relkind, c.relacl::text,
        obj_description(c.oid, 'pg_class'), (
            SELECT array_agg(d.description ORDER BY d.objsubid)::text
            FROM pg_description AS d WHERE d.objoid = c.oid AND d.objsubid > 0
        ), (
            SELECT array_agg(a.attname || a.attacl::text ORDER BY a.attnum)::text
            FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL
        )
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'v', 'p') AND NOT c.relispartition
        AND (c.relnamespace::regnamespace::text IN ('staging', 'analytics', 'audit')
            OR c.oid::regclass::text IN ('patient', 'claim', 'diagnose'))
    ORDER BY 1
    """
SPREAD: Final = """
    SELECT table_name::text, citus_table_type, distribution_column, colocation_id, shard_count
    FROM citus_tables ORDER BY 1
    """
VIEWS: Final = (
    "reconciliation",
    "raw_vs_clean",
    "conflicts",
    "rejected",
    "replayed",
    "archived",
    "erased",
    "window_claims",
)
# The size of what the coordinator keeps itself of what is spread.
KEPT: Final = """
    SELECT sum(pg_relation_size(logicalrelid::regclass)) FROM pg_dist_partition
    """


@dataclass(frozen=True)
class Grown:
    """An office that was one server's and became a cluster's, and how it stood at each step."""

    dsn: str
    told_before: Facts
    told_after: Facts
    relations_before: list[tuple[Any, ...]]
    relations_after: list[tuple[Any, ...]]
    said: list[str]
    """What migrate said, the first and the second time."""
    spread: list[list[tuple[Any, ...]]]
    """What was spread after the first and the second time."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    assert "PYTEST_XDIST_WORKER" not in os.environ, "there is one cluster: run it without -n"
    # It is dropped in the end, so it must not have been somebody's.
    assert ask(DSN, OF_AN_OFFICE) == [(0,)], "CITUS_DSN holds an office already"
    folder = tmp_path_factory.mktemp("cluster")
    try:
        yield grow(folder)
    finally:
        drop_office(DSN)


def grow(folder: Path) -> Grown:
    """Makes an office on the coordinator alone, lets events arrive, and makes it a cluster."""
    ask(DSN, INIT_SQL.read_text(encoding="utf-8"))
    with closing(Database(DSN)) as database:
        apply_schema(database)
        assert not database.run(is_cluster)
        assert database.run(count_workers), "CITUS_DSN names no coordinator that has workers"
        list(tell(database, BEFORE))
        told_before, relations_before = facts(database), ask(DSN, RELATIONS)
    said, spread = [], []
    with closing(Office(folder, folder, DSN)) as office:
        for _ in range(2):
            done = office.start("migrate", **PASSWORDS).result()
            assert (done.code, done.err) == (0, "")
            said.append(done.out)
            spread.append(ask(DSN, SPREAD))
    with closing(Database(DSN)) as database:
        return Grown(
            dsn=DSN,
            told_before=told_before,
            told_after=facts(database),
            relations_before=relations_before,
            relations_after=ask(DSN, RELATIONS),
            said=said,
            spread=spread,
        )


@pytest.fixture
def cluster(grown: Grown) -> Iterator[Database]:
    """The cluster's database without what has arrived."""
    with closing(Database(grown.dsn)) as opened:
        forget_all(opened)
        yield opened


def forget_all(database: Database) -> None:
    empty(database)
    for statement in FORGET:
        ask(database.dsn, statement)


@dataclass(frozen=True)
class Twins:
    """Two databases that were told the same story, and what stood in both after each step."""

    cluster: Database
    plain: Database
    steps: dict[str, tuple[Facts, Facts] | Exception]
    """Behind a step that failed on the cluster there is none."""


@pytest.fixture(scope="module")
def twins(grown: Grown, shared_database_url: str) -> Iterator[Twins]:
    steps: dict[str, tuple[Facts, Facts] | Exception] = {}
    with closing(Database(grown.dsn)) as one, closing(Database(shared_database_url)) as other:
        forget_all(one)
        for step in STORY:
            step(other)
            try:
                step(one)
                steps[step.__name__] = facts(one), facts(other)
            except Exception as error:  # noqa: BLE001 - it is told by the test of the step
                steps[step.__name__] = error
                break
        yield Twins(one, other, steps)


@pytest.fixture
def told(twins: Twins) -> Twins:
    """The twins, once the whole story is told."""
    assert len(twins.steps) == len(STORY), "a step of the story failed"
    return twins


# --- the layout ---


def layout(database: Database) -> Layout:
    with database.transaction() as cursor:
        return layout_of(cursor, layout_sql())


def test_the_data_of_an_office_moves_along(grown: Grown) -> None:
    assert grown.told_before["figures"]
    assert grown.told_after == grown.told_before


def test_rights_and_comments_stay(grown: Grown) -> None:
    assert grown.relations_after == grown.relations_before


def test_the_tables_are_where_the_layout_says(grown: Grown) -> None:
    with closing(Database(grown.dsn)) as database:
        said = layout(database)
        workers = database.run(count_workers)
    known = {name if "." in name else f"public.{name}": rest for name, *rest in grown.spread[0]}
    assert {name for name, (kind, *_) in known.items() if kind == "reference"} == {*said.reference}
    distributed = {name: each for name, each in known.items() if each[0] == "distributed"}
    for name, column in said.keys.items():
        _, distribution_column, group, shards = distributed[name]
        assert (distribution_column, shards) == (column, 2 * workers)
        assert group == distributed[said.beside[name]][2]
    # Each day, too.
    assert distributed["staging.event_20260504"] == distributed["staging.event"]
    assert not {*said.local} & {*known}


def test_migrate_can_be_run_again(grown: Grown) -> None:
    first, second = grown.said
    assert "The tables are spread over a cluster:" in first
    assert second == first
    assert grown.spread[1] == grown.spread[0]


def test_the_coordinator_keeps_no_copy_of_what_moved(grown: Grown) -> None:
    assert ask(grown.dsn, KEPT) == [(0,)]


def test_the_roles_are_on_every_node_with_their_passwords(grown: Grown) -> None:
    query = """
        SELECT count(DISTINCT result), min(result) FROM run_command_on_all_nodes(
            $$SELECT string_agg(rolname || rolpassword, ' ' ORDER BY rolname) FROM pg_authid
            WHERE rolname IN ('office_ingest', 'office_merge', 'office_analytics', 'office_auditor')
            $$)
        """
    [(different, verifiers)] = ask(grown.dsn, query)
    assert different == 1
    assert verifiers.count("SCRAM-SHA-256$") == len(ROLES)


# --- the same as on plain PostgreSQL: while the twins stand, nobody may empty the cluster ---


@pytest.mark.parametrize("step", [step.__name__ for step in STORY])
def test_each_step_comes_to_the_same(twins: Twins, step: str) -> None:
    assert step in twins.steps, "an earlier step failed"
    came = twins.steps[step]
    if isinstance(came, Exception):
        raise came
    one, other = came
    for name in FACTS:
        assert one[name] == other[name], name


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_finds_the_same(told: Twins, damage: str) -> None:
    found = findings(told.cluster, DAMAGES[damage])
    assert found == findings(told.plain, DAMAGES[damage])
    assert bool(found) == (damage != "nothing")


def test_the_clean_layer_can_be_rebuilt(told: Twins) -> None:
    for database in (told.cluster, told.plain):
        assert rebuild(database, batch_size=200, is_applied=False).differences == []


@pytest.mark.parametrize("view", VIEWS)
def test_an_audit_view_shows_the_same(told: Twins, view: str) -> None:
    """As the auditor reads it."""
    shown = f"SELECT * FROM audit.{view}"
    auditor = login_as(told.cluster.dsn, "auditor", PASSWORD)
    assert in_order(ask(auditor, shown)) == in_order(ask(told.plain.dsn, shown))


# --- every command, on both, one after the other ---

WINDOW: Final = "2026-05-04T12:20Z"
OF_A_CLAIM: Final = (
    b'{"id": 5, "patient_id": 1, "code": "A", "price": 5, "tsp": "2026-05-04T12:21Z"}\n'
)


@dataclass(frozen=True)
class Command:
    """A command line, with what happens before it and what is given to it."""

    words: str
    code: int = 0
    before: str = ""
    given: bytes = b""
    variables: tuple[tuple[str, str], ...] = ()


ARCHIVING: Final = (("OFFICE_RETENTION_DAYS", "30"),)
COMMANDS: Final = (
    Command("status"),
    Command("status --json"),
    Command("verify --all"),
    Command("verify --all --json"),
    Command("verify --since 2026-05-04T12:00Z"),
    Command("explain claim 4"),
    Command("explain claim 1007 --json"),
    Command("explain diagnose 1"),
    Command(f"explain window {WINDOW}"),
    Command(f"explain window {WINDOW} --json"),
    Command("release 2026-05-04T12:10Z --reason wished --json"),
    Command("load - --stream claim --json", given=OF_A_CLAIM),
    Command("merge --json"),
    Command("analytics --json"),
    Command("analytics --from 2026-05-04T12:00Z --to 2026-05-04T13:00Z"),
    Command("load - --stream claim", given=OF_A_CLAIM.replace(b'"price": 5', b'"price": 1e9')),
    Command("replay --reason bad_price --json"),
    Command("merge"),
    Command("rebuild --json"),
    Command("rebuild --json", code=1, before="DELETE FROM claim WHERE id = 4"),
    Command("rebuild --apply --json"),
    Command("rebuild"),
    Command("erased", code=1, before="DELETE FROM staging.event WHERE seq = 2"),
    Command("erased --reason wished"),
    Command("erased --json"),
    Command("analytics"),
    Command("verify --all --json"),
    Command("report --out {out}/pages"),
    Command("contracts --out {out}/contracts"),
    Command("notify", variables=(("OFFICE_NOTIFY_URLS", "json://127.0.0.1:9/"),)),
    Command("archive --json", variables=ARCHIVING),
    Command("archive", variables=ARCHIVING),
    Command("rebuild"),
    Command("verify --all"),
    Command("explain claim 4"),
    Command("status"),
    Command("migrate"),
)
# They have a server of their own, or talk to a broker only.
WITHOUT_CLUSTER: Final = {"demo", "db", "publish", "run"}
# What differs from run to run: times of today, what they took, and where files are.
MASKS: Final = (
    (r"20(2[6-9]|[3-9]\d)-(?!05-0)\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", "T"),
    (r'"[a-z_]*(seconds|age|per_second|rate)": [\d.e-]+', "S"),
    (r"\b\d+(\.\d+)? ?(s|ms|min|/s|h|days)\b", "S"),
    (r"/\S+/(cluster|plain)\b", "HOME"),
    (r"\S+:\d+/\S+", "ADDRESS"),
    (r"(next window|last run|database) .*", r"\1"),
    (r" +$", ""),
    # What passes is tried again, and said: on a busy machine a lock can take too long.
    (r"^time=\S+ level=warning logger=pipeline.core.database .*\n", ""),
    (r"event_(\d{8})-[0-9a-f]{12}", r"event_\1"),
    (r'"(file_bytes|workers)": \d+', r"\1"),
    (r"[\d,.]+ (bytes|KB|kB|MB)", "SIZE"),
    (r"The tables are spread over a cluster: \d+ workers.\n", ""),
)


@pytest.fixture(scope="module")
def offices(twins: Twins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Office]]:
    """The programs of both."""
    made = []
    for name in ("cluster", "plain"):
        home = tmp_path_factory.mktemp("offices") / name
        home.mkdir()
        made.append(Office(home, home, getattr(twins, name).dsn))
    yield made
    for office in made:
        office.close()


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=lambda at: COMMANDS[at].words)
@pytest.mark.usefixtures("told")
def test_a_command_says_the_same(offices: list[Office], number: int) -> None:
    command = COMMANDS[number]
    said = []
    for office in offices:
        assert office.database_url
        if command.before:
            ask(office.database_url, command.before)
        words = command.words.format(out=office.home).split()
        done = office.start(*words, **dict(command.variables)).result(command.given)
        said.append((done.code, masked(done.out), masked(done.err)))
    for one, other in zip(*said, strict=True):
        assert one == other
    assert said[0][0] == command.code, said[0]


def masked(text: str) -> str:
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def test_every_command_is_tried() -> None:
    commands = {command.name for section in SECTIONS.values() for command in section}
    assert {command.words.split()[0] for command in COMMANDS} == commands - WITHOUT_CLUSTER


# --- the cluster alone, emptied before each test ---


def test_a_day_gets_its_partitions_on_the_nodes(cluster: Database) -> None:
    rows(cluster, "SELECT staging.make_partitions('2031-01-01', '2031-01-02')")
    made = "SELECT count(*) FROM citus_tables WHERE table_name::text ~ '_2031010[12]$'"
    assert rows(cluster, made) == [(4,)]


# What only a single server shows, or what Citus refuses to whoever changes the schema by hand.
NOT_ON_A_CLUSTER: Final = {
    "archive/make_late_days/a_day_of_long_ago_and_none_of_today": "shows the partition's own oid",
    "core/cluster/is_cluster/a_single_server_is_none": "this is a cluster",
    "schema/given/differences/a_column_of_another_type": "changes what a table is spread by",
    "schema/given/differences/none_in_the_tables_of_init_db": "adds an identity column",
    "schema/given/differences/none_in_the_tables_of_the_practice": "changes what a table is by",
    "schema/given/record_limits/each_column_that_holds_less": "changes what a table is spread by",
    "staging/append/transaction_is_recorded": "asks a worker for the transaction",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.relative_to(OF_CASES)))
def test_a_case_of_data(cluster_of_cases: Database, case: Path) -> None:
    why = NOT_ON_A_CLUSTER.get(str(case.relative_to(OF_CASES)))
    if why is None:
        found = differences(case, cluster_of_cases)
        difference = "\n".join(found)
        assert is_the_same(found), f"\n{difference}"


def is_the_same(difference: list[str]) -> bool:
    """Whether there is no difference, but for the database's user, of which the cases name one."""
    if not any("database user" in line for line in difference):
        return not difference
    user = psycopg2.extensions.parse_dsn(DSN).get("user", "")
    told = [line.replace(f"database user {user}", "database user dataeng") for line in difference]
    expected, came = (
        sorted(line[1:] for line in told if line.startswith(sign) and line[:3] != 3 * sign)
        for sign in "-+"
    )
    return expected == came


@pytest.fixture(scope="module")
def cluster_of_cases(grown: Grown) -> Iterator[Database]:
    """One for all cases, each of which is undone."""
    with closing(Database(grown.dsn)) as opened:
        forget_all(opened)
        yield opened


def test_a_raw_row_has_the_transaction_of_the_coordinator(cluster: Database) -> None:
    with cluster.transaction() as cursor:
        append(cursor, "claim", [claim(1)])
        cursor.execute("SELECT pg_current_xact_id()::text")
        [(transaction,)] = cursor.fetchall()
        cursor.execute("SELECT xid::text FROM staging.event")
        assert cursor.fetchall() == [(transaction,)]


# --- the services in their roles ---


@pytest.fixture
def office(cluster: Database, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path, tmp_path, cluster.dsn)
    yield made
    made.close()


def test_every_service_does_its_work_as_its_own_role(office: Office) -> None:
    url = str(office.database_url)
    execute(url, f"{KNOW_PATIENT_0} ON CONFLICT DO NOTHING")
    for stream, event in (
        ("diagnose", diagnose(1, tsp=NOON)),
        ("claim", claim(1, price=12.5, tsp=NOON)),
    ):
        office.command("load", "-", "--stream", stream, given=event + b"\n")
    running = office.start("run", OFFICE_PUBLISH_SECONDS="0.1", **PASSWORDS)
    running.wait_until(lambda: published(url))
    who: dict[str, str] = dict(fetch(url, WHO))
    assert published(url)[0] == ("12:00", "Amnesia", "12.50", 1, 1)
    assert {name: role for name, role in who.items() if name != "analytics checks"} == {
        "ingestor claim": "office_ingest",
        "ingestor diagnose": "office_ingest",
        "ingestor merge claim": "office_merge",
        "ingestor merge diagnose": "office_merge",
        "analytics": "office_analytics",
    }
    ended = running.stop(signal.SIGINT)
    assert "Permission" not in ended.err + ended.out
    assert "InsufficientPrivilege" not in running.err
    done = office.command("verify", "--all")
    assert done.code == 0, done.out


REFUSED: Final = {
    "a time of arrival": (
        "ingest",
        "INSERT INTO staging.event (stream, received_at) VALUES ('claim', now())",
    ),
    "what arrived": ("ingest", "SELECT payload FROM staging.event"),
    "an update": ("merge", "UPDATE claim SET price = 1"),
    "a deletion": ("merge", "DELETE FROM staging.event"),
    "a figure": ("merge", "INSERT INTO analytics.revenue_by_diagnosis SELECT"),
    "a name": ("analytics", "SELECT last_name FROM patient"),
    "a payload": ("auditor", "SELECT payload FROM staging.event"),
    "a patient": ("auditor", "SELECT id FROM public.patient"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_role_may_do_no_more_than_on_a_single_server(cluster: Database, what: str) -> None:
    role, statement = REFUSED[what]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(login_as(cluster.dsn, role, PASSWORD), statement)


def test_no_role_may_read_a_name_on_any_node(cluster: Database) -> None:
    query = """
        SELECT bool_or(result::boolean) FROM unnest(
            ARRAY['office_ingest', 'office_merge', 'office_analytics', 'office_auditor']) AS role
        CROSS JOIN LATERAL run_command_on_placements('patient', format(
            'SELECT has_column_privilege(%L, ''%%s'', ''last_name'', ''SELECT'')', role)) AS found
        """
    assert rows(cluster, query) == [(False,)]


# --- at once, and while a worker is away ---


EVENTS: Final = 3000
PREPARED: Final = """
    SELECT bool_and(success), sum(CASE WHEN success THEN result::bigint END)
    FROM run_command_on_all_nodes(
        $$SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()
            AND gid LIKE 'citus%' AND prepared < now() - interval '1 second'$$)
    """


def many_events_arrive(database: Database) -> None:
    """Half of them repeat an id, and half of these with another content."""
    with database.transaction() as cursor:
        ids = [n % (EVENTS // 2) for n in range(EVENTS)]
        append(cursor, "claim", [claim(n, price=at % 2 + 1) for at, n in enumerate(ids)])
        append(cursor, "diagnose", [diagnose(n, patient=n % 1000 + 1) for n in ids])


def merge_whatever_passes(dsn: str, batch_size: int, failures: list[BaseException]) -> None:
    """Merges until nothing is pending."""
    with closing(Database(dsn)) as own:
        while True:
            try:
                list(merge_pending(own, batch_size=batch_size))
            except PASSING_ERRORS:
                time.sleep(0.5)
            except BaseException as error:  # noqa: BLE001
                failures.append(error)
                return
            else:
                return


@contextmanager
def merging(dsn: str, *, mergers: int, batch_size: int) -> Iterator[None]:
    """So many mergers at once; in the end they are done, and nothing failed."""
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=merge_whatever_passes, args=(dsn, batch_size, failures))
        for _ in range(mergers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    for failure in failures:
        raise failure


COUNTS: Final = """
    SELECT stream, fate, count(*) AS outcomes, count(DISTINCT seq) AS raw_rows FROM staging.outcome
    GROUP BY stream, fate ORDER BY stream, fate
    """


def all_is_merged_once(database: Database) -> None:
    half = EVENTS // 2
    expected = [("claim", "conflict", half, half), ("claim", "merged", half, half)]
    if half % 2 == 0:
        expected[0] = ("claim", "duplicate", half, half)
    expected += [("diagnose", "duplicate", half, half), ("diagnose", "merged", half, half)]
    assert rows(database, COUNTS) == expected
    assert rows(database, "SELECT count(*) AS claims, count(DISTINCT id) AS ids FROM claim") == [
        (half, half)
    ]
    assert findings(database) == {}


def test_two_mergers_at_once_never_double_and_never_lose(cluster: Database) -> None:
    many_events_arrive(cluster)
    with merging(cluster.dsn, mergers=2, batch_size=200):
        pass
    all_is_merged_once(cluster)


@pytest.mark.skipif(
    not (WORKER_STOP and WORKER_START),
    reason="CITUS_WORKER_STOP and CITUS_WORKER_START are not given: no worker was stopped",
)
@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.0])
def test_a_worker_that_is_killed_in_a_merge_costs_nothing(
    cluster: Database, seconds: float
) -> None:
    many_events_arrive(cluster)
    with merging(cluster.dsn, mergers=2, batch_size=200):
        time.sleep(seconds)
        subprocess.run(WORKER_STOP, shell=True, check=True)  # noqa: S602 - that is what they are
        time.sleep(2)
        subprocess.run(WORKER_START, shell=True, check=True)  # noqa: S602 - that is what they are
        wait_until(partial(is_settled, cluster.dsn))
    all_is_merged_once(cluster)


def is_settled(dsn: str) -> bool:
    """Whether the worker is back, and what was prepared for a commit as it went is committed.

    Citus itself would see to that a minute later.
    """
    with suppress(psycopg2.Error):
        ask(dsn, "SELECT recover_prepared_transactions()")
        return ask(dsn, PREPARED) == [(True, 0)]
    return False


# --- the last, because it begins anew ---


def test_an_office_that_is_new_is_laid_out_the_same(grown: Grown, tmp_path: Path) -> None:
    drop_office(grown.dsn)
    ask(grown.dsn, INIT_SQL.read_text(encoding="utf-8"))
    with closing(Office(tmp_path, tmp_path, grown.dsn)) as office:
        done = office.start("migrate", OFFICE_SHARDS="3", **PASSWORDS).result()
        assert (done.code, done.err) == (0, "")
    spread = {
        name: (kind, column) for name, kind, column, *_ in grown.spread[0] if "_20" not in name
    }
    found = {name: each for name, *each in ask(grown.dsn, SPREAD) if "_20" not in name}
    assert {name: (kind, column) for name, (kind, column, *_) in found.items()} == spread
    assert {shards for kind, *_, shards in found.values() if kind == "distributed"} == {3}
    assert ask(grown.dsn, RELATIONS) == grown.relations_after
    assert ask(grown.dsn, KEPT) == [(0,)]
