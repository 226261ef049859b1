"""How long the audit views take in Adminer over many raw rows: `make bench-audit [N=…]`.

Makes a server of its own, fills it, and times what Adminer sends. Prints a table with the median
and the slowest of a few tries, and the ratio to a look-up by primary key in the same database. Exit
code 1 where a statement took longer than is promised.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Final

import click
import psycopg2
from psycopg2.extensions import connection

import adminer
from benchmarks.rows import FIRST_ROW_AT, fill
from pipeline.core.database import Database
from pipeline.operations.embedded import server
from pipeline.schema.migrate import apply_schema
from prepared import INIT_SQL, make_server_home

PORT: Final = 25436
TRIES: Final = 5
PROMISED_SECONDS: Final = 0.5
REFERENCE: Final = "a row by its primary key, for reference"


@dataclass(frozen=True)
class Look:
    """Something that is done in Adminer: the statement, and whether it is promised to be quick."""

    name: str
    sql: str
    is_promised: bool = True


@dataclass(frozen=True)
class Timing:
    """How long a look took, each time."""

    look: Look
    seconds: list[float]

    @property
    def keeps_promise(self) -> bool:
        """Whether it was quick each time, where that is promised."""
        return not self.look.is_promised or max(self.seconds) < PROMISED_SECONDS


def looks(rows: int) -> list[Look]:
    """What people do, at rows in the middle and at the end."""
    number = str(rows // 4 + 1)  # of a claim in the middle of all
    window = FIRST_ROW_AT + timedelta(minutes=10) * (rows // 1200)
    of_id = ("entity_id", "=", number)
    of_window = ("window_start", "=", f"{window:%Y-%m-%d %H:%M}")
    page, count, estimate = adminer.page, adminer.count, adminer.estimate
    return [
        Look(REFERENCE, f"SELECT * FROM staging.outcome WHERE seq = {number}"),
        Look("raw_vs_clean", page("raw_vs_clean")),
        Look("… number of pages", estimate("raw_vs_clean")),
        Look("… page 2", page("raw_vs_clean", number=1)),
        Look("… page 100", page("raw_vs_clean", number=99)),
        Look("… entity_id =", page("raw_vs_clean", of_id)),
        Look("… stream = and entity_id =", page("raw_vs_clean", ("stream", "=", "claim"), of_id)),
        Look("… its number of rows", count("raw_vs_clean", of_id)),
        Look("… seq =", page("raw_vs_clean", ("seq", "=", number))),
        Look("… run_id =", page("raw_vs_clean", ("run_id", "=", "77"))),
        Look("… reason =", page("raw_vs_clean", ("reason", "=", "bad_price"))),
        Look("… fate = conflict, 1 of 100", page("raw_vs_clean", ("fate", "=", "conflict"))),
        Look("… fate = pending, 20 rows", page("raw_vs_clean", ("fate", "=", "pending")), False),
        Look("… payload LIKE, nowhere", page("raw_vs_clean", ("payload", "LIKE %%", "x y")), False),
        Look("… sorted by seq", page("raw_vs_clean", order=['"seq"']), False),
        Look("… last page's number", count("raw_vs_clean"), False),
        Look("conflicts", page("conflicts")),
        Look("… number of pages", estimate("conflicts")),
        Look("… its number of rows", count("conflicts"), False),
        Look(
            "… differing_fields LIKE price",
            page("conflicts", ("differing_fields", "LIKE %%", "price")),
        ),
        Look("… entity_id =", page("conflicts", of_id)),
        Look("rejected", page("rejected")),
        Look("… reason =", page("rejected", ("reason", "=", "bad_price"))),
        Look("window_claims", page("window_claims")),
        Look("… window_start =", page("window_claims", of_window)),
        Look("… claim_id =", page("window_claims", ("claim_id", "=", number))),
        Look("replayed", page("replayed")),
        Look("reconciliation", page("reconciliation"), False),
    ]


def measure(asking: connection, look: Look) -> Timing:
    """Does it a few times, what is not promised once, and fetches what it returns."""
    seconds = []
    with asking.cursor() as cursor:
        for _ in range(TRIES if look.is_promised else 1):
            began = time.monotonic()
            cursor.execute(look.sql)
            cursor.fetchall()
            seconds.append(time.monotonic() - began)
    return Timing(look, seconds)


def table(timings: list[Timing]) -> Iterator[str]:
    """A line per look, the reference first."""
    reference = median(timings[0].seconds)
    yield f"{'':<42}{'median':>9}{'slowest':>10}{'ratio':>10}"
    for timing in timings:
        middle, slowest = median(timing.seconds), max(timing.seconds)
        verdict = "" if timing.look.is_promised else "   not promised"
        verdict = verdict if timing.keeps_promise else "   TOO SLOW"
        yield (
            f"{timing.look.name:<42}{1000 * middle:>6.1f} ms{1000 * slowest:>7.1f} ms"
            f"{middle / reference:>10,.0f}{verdict}"
        )


@contextmanager
def like_adminer(url: str) -> Iterator[connection]:
    """A connection like Adminer's, with the server's own settings rather than ours."""
    with closing(psycopg2.connect(url, application_name="Adminer")) as asking:
        asking.autocommit = True
        with asking.cursor() as cursor:
            # As the server of the compose file has it; the embedded one leaves it off.
            cursor.execute("SET jit = on")
            cursor.execute(adminer.schema("audit"))
        yield asking


@contextmanager
def filled_database(rows: int, say: Callable[[str], None]) -> Iterator[Database]:
    """A database with so many raw rows, on a server of its own, removed in the end."""
    home = make_server_home()
    try:
        with (
            server(home, init_sql=INIT_SQL, say=say, port=PORT) as url,
            closing(Database(url, name="benchmark", statement_seconds=3600)) as database,
        ):
            apply_schema(database)
            began = time.monotonic()
            fill(database, rows)
            say(f"{rows:,} raw rows made in {time.monotonic() - began:.0f} s.")
            yield database
    finally:
        shutil.rmtree(home)


@click.command()
@click.option("--rows", type=click.IntRange(min=20_000), default=10_000_000, show_default=True)
def main(rows: int) -> None:
    """Times what Adminer sends for the audit views, over so many raw rows."""
    with filled_database(rows, click.echo) as database, like_adminer(database.dsn) as asking:
        timings = [measure(asking, look) for look in looks(rows)]
    for line in table(timings):
        click.echo(line)
    sys.exit(not all(timing.keeps_promise for timing in timings))


if __name__ == "__main__":
    main()
