"""Bare COPY: the least that PostgreSQL needs for rows, and by which all else is judged."""

from pathlib import Path

from benchmarks.lab import GIVEN, Lab, connected, final_rows, require_equal_rows
from benchmarks.lines import Lines

# As the given ones, but for the keys to patients.
BARE_TABLES = """
    CREATE SCHEMA bare;
    CREATE TABLE bare.claim (LIKE claim INCLUDING ALL);
    CREATE TABLE bare.diagnose (LIKE diagnose INCLUDING ALL)
    """
BARE_LINES = "CREATE TABLE bare (line text)"


def execute(url: str, statement: str) -> None:
    """Does it and commits."""
    with connected(url) as opened, opened.cursor() as cursor:
        cursor.execute(statement)
        opened.commit()


def copy(url: str, command: str, file: Path) -> None:
    """Streams a file in, one transaction."""
    with connected(url) as opened, opened.cursor() as cursor, file.open("rb") as lines:
        cursor.copy_expert(command, lines, 1024 * 1024)
        opened.commit()


def expected_rows(lab: Lab, lines: Lines) -> dict[str, tuple[int, int]]:
    """What anybody has to come to with these lines."""
    with lab.fresh(GIVEN) as url:
        for stream in lines.counts:
            copy(url, f"COPY {stream} FROM STDIN", lines.typed_file(stream))
        return final_rows(url, "public", lines.counts)


def require_rows(name: str, url: str, schema: str, expected: dict[str, tuple[int, int]]) -> None:
    """Refuses to go on where final rows are others than expected."""
    require_equal_rows(name, final_rows(url, schema, expected), expected)
