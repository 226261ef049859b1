"""The tables of a practice that were there before this project, and belong to somebody else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

PASSWORD: Final = "best"
# Far from UTC, and without a summer time.
TIMEZONE: Final = "Asia/Tokyo"
TABLES: Final = """
    CREATE TABLE patient (
        id serial PRIMARY KEY,
        phone_number varchar(10) NOT NULL,
        first_name varchar(50) NOT NULL,
        last_name varchar(50) NOT NULL
    );
    CREATE TABLE diagnose (
        id bigint PRIMARY KEY,
        icd10_code varchar(10) NOT NULL,
        patient_id int NOT NULL REFERENCES patient,
        tsp timestamp NOT NULL
    );
    CREATE TABLE claim (
        id bigint PRIMARY KEY,
        code varchar(10) NOT NULL,
        price numeric NOT NULL,
        patient_id int NOT NULL REFERENCES patient,
        tsp timestamp NOT NULL
    );
    INSERT INTO patient (phone_number, first_name, last_name)
    SELECT '555-0100', 'A', 'B' FROM generate_series(1, 1000)
    """
# An ordinary user: no superuser, and he may make no roles.
MAKE_USER: Final = "CREATE ROLE {user} LOGIN PASSWORD {password}"
GRANTS: Final = (
    "GRANT ALL ON DATABASE {database} TO {user}",
    "GRANT CREATE ON SCHEMA public TO {user}",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {user}",
)
GIVE: Final = "ALTER TABLE {table} OWNER TO {user}"


def make_practice(url: str, user: str, *, owns_tables: bool) -> str:
    """Makes the practice's tables in an empty database; returns the URL of its ordinary user."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        database = connection.info.dbname
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            names = {"user": sql.Identifier(user), "database": sql.Identifier(database)}
            cursor.execute(sql.SQL(MAKE_USER).format(password=sql.Literal(PASSWORD), **names))
            for grant in GRANTS:
                cursor.execute(sql.SQL(grant).format(**names))
            cursor.execute(
                sql.SQL("ALTER DATABASE {database} SET timezone = {zone}").format(
                    zone=sql.Literal(TIMEZONE), **names
                )
            )
            for table in ("patient", "claim", "diagnose") if owns_tables else ():
                cursor.execute(sql.SQL(GIVE).format(table=sql.Identifier(table), **names))
    return make_dsn(url, user=user, password=PASSWORD)


try_again = Retrying(
    retry=retry_if_exception_type(psycopg2.errors.InternalError_),
    wait=wait_fixed(1),
    stop=stop_after_attempt(2),
    reraise=True,
)


def forget_user(url: str, user: str) -> None:
    """Removes the practice's user, with all that is his in the database."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            name = sql.Identifier(user)
            reassign = sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name)
            # A connection that was just closed may still be dropping its temporary tables.
            try_again(cursor.execute, reassign)
            cursor.execute(sql.SQL("DROP OWNED BY {}").format(name))
            cursor.execute(sql.SQL("DROP ROLE {}").format(name))


MakePractice = Callable[..., str]


def practices(url: str, user: str) -> Iterator[MakePractice]:
    """Makes a practice in an empty database, and forgets its user afterwards."""
    made: list[str] = []

    def make(*, owns_tables: bool = False) -> str:
        made.append(user)
        return make_practice(url, user, owns_tables=owns_tables)

    yield make
    for each in made:
        forget_user(url, each)
