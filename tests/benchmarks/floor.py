"""(j) The parts of the merge, against the least that PostgreSQL needs for the same rows.

The floor is plain SQL over the rows of one stream: reading payloads as JSON, casting fields, and
inserting rows that are ready. What it leaves out is what the project does for its promises.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks import project
from benchmarks.lab import OFFICE, Lab, checkpoint
from benchmarks.lines import Lines, make_lines
from benchmarks.observed import Seconds, merge_observed, observed
from benchmarks.results import Comparison, Figure, Result
from benchmarks.turns import Plan, seconds_of
from pipeline.core.database import Database
from pipeline.core.statements import Cursor

STREAM: Final = "claim"
CONTRACT_AIM: Final = 1.6
"""How many times its floor the contract may take."""
TRIES: Final = 3
"""Of what only reads, by turns; the quickest counts, as the machine does other things, too."""

# An INSERT reads in one process, so the queries that it is compared with do so, too.
ONE_PROCESS: Final = "SET LOCAL max_parallel_workers_per_gather = 0"

READ: Final = "payloads read"
CHECKED: Final = "payloads checked as JSON objects with unique keys"
CAST: Final = "payloads cast, four fields typed"
UNLOGGED: Final = "clean rows into an unlogged table, indexes, no key to patients"
LOGGED: Final = "clean rows into a table, indexes, no key to patients"
OUTCOMES: Final = "outcomes into a table, primary key only"
OUTCOMES_INDEXED: Final = "outcomes into a table, primary key and "

READS: Final = {
    READ: """
        SELECT sum(octet_length(e.payload)) FROM staging.event AS e WHERE e.stream = 'claim'
        """,
    CHECKED: """
        SELECT count(*) FILTER (WHERE e.payload IS JSON OBJECT WITH UNIQUE KEYS)
        FROM staging.event AS e WHERE e.stream = 'claim'
        """,
    # OFFSET 0 keeps the planner from casting a payload once for each field.
    CAST: """
        SELECT
            count((e.document ->> 'id')::bigint),
            count(e.document ->> 'code'),
            count((e.document ->> 'price')::numeric),
            count((e.document ->> 'patient_id')::bigint)
        FROM (
            SELECT payload::jsonb AS document FROM staging.event WHERE stream = 'claim' OFFSET 0
        ) AS e
        """,
}
WRITES: Final = {
    UNLOGGED: "INSERT INTO floor.unlogged_claim SELECT * FROM claim ORDER BY id",
    LOGGED: "INSERT INTO floor.claim SELECT * FROM claim ORDER BY id",
    OUTCOMES: """
        INSERT INTO floor.outcome SELECT * FROM staging.outcome WHERE stream = 'claim' ORDER BY seq
        """,
}
TABLES: Final = """
    CREATE SCHEMA floor;
    CREATE UNLOGGED TABLE floor.unlogged_claim (LIKE claim INCLUDING INDEXES);
    CREATE TABLE floor.claim (LIKE claim INCLUDING INDEXES);
    CREATE TABLE floor.outcome (LIKE staging.outcome, PRIMARY KEY (seq))
    """

# One row per index of the outcomes, except the primary key: its name, and what follows the word
# USING in its definition.
FURTHER_INDEXES: Final = """
    SELECT c.relname, split_part(pg_get_indexdef(c.oid), ' USING ', 2)
    FROM pg_index AS x
    INNER JOIN pg_class AS c ON x.indexrelid = c.oid
    WHERE x.indrelid = 'staging.outcome'::regclass AND NOT x.indisprimary
    ORDER BY c.relname
    """

CONTRACT: Final = "contract, all columns"
CONTRACT_QUERY: Final = """
    SELECT count(r.seq), count(r.xid), count(r.received_at), count(r.entity_id), count(r.code),
        count(r.price), count(r.patient_id), count(r.tsp), count(r.reason)
    FROM staging.claim_contract AS r
    """


@dataclass(frozen=True)
class Part:
    """A part of the project's work, and what of the floor it is compared with."""

    name: str
    statements: tuple[str, ...]
    """The statements of the merge that do it."""
    floor: tuple[str, ...]
    lacks: str
    """What the floor does not do."""


INSERTS: Final = ("merge/merge_rows/030_insert_clean_rows", "merge/check_constraints")
PARTS: Final = (
    Part(CONTRACT, (CONTRACT,), (CHECKED, CAST), "rules, time, reasons"),
    Part(
        "raw rows typed",
        ("merge/merge_rows/010_type_rows",),
        (CHECKED, CAST),
        "rules, time, reasons, a table of typed rows",
    ),
    Part("clean rows inserted", INSERTS, (LOGGED,), "keys to patients"),
    Part("clean rows inserted", INSERTS, (UNLOGGED,), "keys to patients, a log"),
    Part(
        "outcomes recorded",
        ("merge/merge_rows/040_record_outcomes",),
        (OUTCOMES,),
        "partitions, checks, indexes to find an outcome by",
    ),
)


def measure(lab: Lab, plan: Plan) -> Iterator[Result]:
    """Each part against its floor, in the same database."""
    lines = make_lines(lab.new_folder("lines"), plan.rows, streams=(STREAM,))
    runs: list[Seconds] = []
    lab.say(f"(j) the merge's parts and their floor, {lines.events:,} lines of {STREAM}")
    for number in range(1, plan.runs + 1):
        runs.append(run(lab, lines))
        lab.say(f"    {number} of {plan.runs}: contract {times_floor(runs[-1], PARTS[0]):.2f}")
    yield from (compared(part, lines.events, runs) for part in PARTS)
    times = [times_floor(each, PARTS[0]) for each in runs]
    yield Figure("j", "contract: how many times its floor", "", times, at_most=CONTRACT_AIM)
    indexed = [name for name in runs[0] if name.startswith(OUTCOMES_INDEXED)]
    for name in (*READS, *WRITES, *indexed):
        micros = [each[name] * 1e6 / lines.events for each in runs]
        yield Figure("j", f"floor: {name}", "µs a row", micros)


def run(lab: Lab, lines: Lines) -> Seconds:
    """The lines merged in a fresh office: seconds of each statement, and of the floor."""
    with lab.fresh(OFFICE) as url, project.office(url) as databases, observed(url) as database:
        project.load(databases, lines.files())
        checkpoint(url)
        merged = merge_observed(database, STREAM, batch_size=project.BATCH_SIZE)
        checkpoint(url)
        return merged.work | beside(databases[STREAM])


def beside(database: Database) -> Seconds:
    """Seconds of the contract and of each part of the floor, over all merged rows of the stream."""
    with database.transaction() as cursor:
        cursor.execute(ONE_PROCESS)
        cursor.execute(TABLES)
        reads = {**READS, CONTRACT: CONTRACT_QUERY}
        tries = [timed(cursor, reads) for _ in range(TRIES)]
        quickest = {name: min(each[name] for each in tries) for name in reads}
        return quickest | timed(cursor, WRITES) | with_each_index(cursor)


def with_each_index(cursor: Cursor) -> Seconds:
    """Seconds of the outcomes, with one further index of the project's at a time."""
    cursor.execute(FURTHER_INDEXES)
    seconds: dict[str, float] = {}
    for name, definition in cursor.fetchall():
        cursor.execute(
            f"TRUNCATE floor.outcome; CREATE INDEX further ON floor.outcome USING {definition}"
        )
        seconds |= timed(cursor, {OUTCOMES_INDEXED + name: WRITES[OUTCOMES]})
        cursor.execute("DROP INDEX floor.further")
    return seconds


def timed(cursor: Cursor, queries: Mapping[str, str]) -> Seconds:
    """Seconds of each query."""
    return {name: seconds_of(partial(cursor.execute, text)) for name, text in queries.items()}


def compared(part: Part, events: int, runs: Sequence[Seconds]) -> Comparison:
    """A part beside its floor."""
    return Comparison(
        "j",
        part.name,
        events,
        ", ".join(part.floor),
        part.lacks,
        seconds=[of(each, part.statements) for each in runs],
        reference_seconds=[of(each, part.floor) for each in runs],
    )


def times_floor(seconds: Seconds, part: Part) -> float:
    """How many times its floor a part takes."""
    return of(seconds, part.statements) / of(seconds, part.floor)


def of(seconds: Seconds, names: Iterable[str]) -> float:
    """The seconds of several."""
    return sum(seconds[name] for name in names)
