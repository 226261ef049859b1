"""The project's SQL: one statement a file, under `pipeline/sql/<room>/`.

A file `<name>.sql` is plain SQL. A file `<name>.sql.jinja` is a template, rendered from the
definitions in `streams.py`: for one stream if it uses `stream`, else for all of them at
once. A file `<name>.jinja` holds what templates share. `make sql` writes out the rendered SQL.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta
from psycopg2 import extensions

from pipeline.core.contract import FATES, REASONS
from pipeline.core.remedies import OTHER_REMEDIES, SEND_AGAIN
from pipeline.core.streams import STREAMS

Cursor = extensions.cursor
SQL_FOLDER: Final = Path(__file__).parents[1] / "sql"
PLAIN: Final = ".sql"
TEMPLATE: Final = ".sql.jinja"
# Between the statements of one round trip.
BETWEEN: Final = ";\n\n"

# A command, by the rules of PostgreSQL's lexer. No schema file nests a comment or has BEGIN ATOMIC.
# Libraries were looked at: sqlparse guesses by keywords where a function ends, and pglast, which
# has the server's own parser, is under the GPL.
COMMAND: Final = re.compile(
    r"""
    (?:
        --[^\n]*
        | /\*.*?\*/
        | \b[Ee]'(?:[^'\\]|\\.)*'
        | '[^']*'
        | "[^"]*"
        | (?<![\w$])(?P<quote>\$(?:[A-Za-z_]\w*)?\$).*?(?P=quote)
        | [^;]
    )+
    (?:;|\Z)
    """,
    re.DOTALL | re.VERBOSE,
)
BLANK: Final = re.compile(r"(?:\s|--[^\n]*|;)*")


@cache
def statement(name: str, stream: str | None = None) -> str:
    """The text of a statement.

    Args:
        name: its path without the ending: `merge/open_run`.
        stream: the stream that it is rendered for; None for one that serves all streams.
    """
    plain = SQL_FOLDER / f"{name}{PLAIN}"
    if plain.is_file():
        return plain.read_text(encoding="utf-8")
    template = _templates().get_template(f"{name}{TEMPLATE}")
    of_stream = {} if stream is None else {"stream": STREAMS[stream]}
    return template.render(
        streams=list(STREAMS.values()),
        content_columns=_content_columns(),
        fates=FATES,
        reasons=REASONS,
        other_remedies=OTHER_REMEDIES,
        send_again=SEND_AGAIN,
        **of_stream,
    )


@cache
def statements(names: tuple[str, ...], stream: str | None) -> str:
    """The text of statements that are executed in one round trip; some are of a stream."""
    return BETWEEN.join(statement(name, stream if is_per_stream(name) else None) for name in names)


def statements_in(folder: str) -> list[str]:
    """The names of a folder's statements, in the order of their numbers."""
    return _names((SQL_FOLDER / folder).iterdir())


def all_statements() -> list[str]:
    """The names of all statements."""
    return _names(SQL_FOLDER.rglob("*"))


def for_each_stream(names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Each statement with each of its streams; None for a statement that serves all streams."""
    return [
        (name, stream) for name in names for stream in (STREAMS if is_per_stream(name) else (None,))
    ]


def is_template(name: str) -> bool:
    """Whether a statement is rendered."""
    return (SQL_FOLDER / f"{name}{TEMPLATE}").is_file()


@cache
def is_per_stream(name: str) -> bool:
    """Whether a statement is rendered for one stream at a time."""
    if not is_template(name):
        return False
    text = (SQL_FOLDER / f"{name}{TEMPLATE}").read_text(encoding="utf-8")
    return "stream" in meta.find_undeclared_variables(_templates().parse(text))


def first_comment(name: str, stream: str | None = None) -> str:
    """The text of a statement's first line, which says what it returns."""
    return statement(name, stream).splitlines()[0].removeprefix("-- ")


def execute(
    cursor: Cursor,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
) -> None:
    """Executes a statement for its effect."""
    cursor.execute(statement(name, stream), parameters)


def commands_in(text: str) -> Iterator[str]:
    """The commands of a text, one by one; together with what is left blank, they are the text."""
    for found in COMMAND.finditer(text):
        if not BLANK.fullmatch(found.group()):
            yield found.group()


def execute_each(cursor: Cursor, name: str) -> None:
    """Executes the commands of a file one by one.

    A cluster refuses some of them, such as CREATE INDEX, in the company of others.
    """
    for command in commands_in(statement(name)):
        cursor.execute(command)


def fetch_all(
    cursor: Cursor,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
) -> list[Any]:
    """Executes a statement; returns its rows as named tuples."""
    cursor.execute(statement(name, stream), parameters)
    return cursor.fetchall()


def fetch_one(
    cursor: Cursor,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
) -> Any:  # noqa: ANN401
    """Executes a statement that returns one row; returns that row as a named tuple."""
    cursor.execute(statement(name, stream), parameters)
    return _only_row(cursor, name)


def fetch_last(
    cursor: Cursor,
    names: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
) -> Any:  # noqa: ANN401
    """Executes statements in one round trip; returns the only row of the last as a named tuple."""
    execute_all(cursor, names, parameters, stream=stream)
    return _only_row(cursor, names[-1])


def execute_all(
    cursor: Cursor,
    names: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
) -> None:
    """Executes statements for their effect, in one round trip to the server."""
    cursor.execute(statements(tuple(names), stream), parameters)


def _only_row(cursor: Cursor, name: str) -> Any:  # noqa: ANN401
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError(f"{name} returned no row")
    return row


def _names(files: Iterable[Path]) -> list[str]:
    paths = (file.relative_to(SQL_FOLDER).as_posix() for file in files)
    return sorted(
        path.removesuffix(ending)
        for path in paths
        for ending in (PLAIN, TEMPLATE)
        if path.endswith(ending)
    )


def _content_columns() -> list[str]:
    """The content columns of all streams, each once."""
    names = [name for stream in STREAMS.values() for name in stream.column_names]
    return list(dict.fromkeys(names))


def _literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(SQL_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (SQL, from the project's own definitions)
    )
    templates.filters["literal"] = _literal
    return templates
