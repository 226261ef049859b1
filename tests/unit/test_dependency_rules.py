"""The rules of who may import, call and say what; each is shown to fail on a planted violation.

The layers of the packages stand in `.importlinter`, which `make lint` checks.

A rule is a function from files (path under src, text) to the violations in them.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from pipeline.core.statements import all_statements, for_each_stream, statement

SRC = Path(__file__).parents[2] / "src"

Files = dict[str, str]
Rule = Callable[[Files], list[str]]

LIBRARY = (
    "publisher",
    "history",
    "utils.jetstream",
    "utils.pipeline_utils",
    "utils.pipes",
    "models.follower",
    "models.job",
    "models.scheduler",
    "models.subscriber",
)
ENTRY_POINTS = ("ingestor", "analytics", "office", "reports")

# These hand the whole environment on to the programs they start, and read nothing in it by name.
STARTERS = ("pipeline/operations/embedded_user.py", "pipeline/operations/processes.py")

SQL_IN_PYTHON = {
    ("pipeline/core/database.py", "SELECT 1"),  # asks whether anybody answers
    ("pipeline/quality/checks.py", "SELECT 1"),  # a query must be named before the first is known
    ("pipeline/operations/embedded.py", "CREATE DATABASE "),  # for psql, before there is a database
}
SQL_START = re.compile(
    r"\s*(--.*\n\s*)*"
    r"(select\s|insert\s+into\s|update\s+[\w.]+(\s+as\s+\w+)?\s+set\s|delete\s+from\s"
    r"|with\s+(recursive\s+)?\w+\s+as\s|merge\s+into\s|copy\s+\S+.*\s(from|to)\s|values\s*\("
    r"|(create|alter|drop)\s+(or\s+replace\s+)?(table|view|index|schema|database|role|trigger)\s"
    r"|truncate\s|lock\s+table\s|set\s+(local\s|session\s|\w+\s*(=|to\s))|grant\s|notify\s|listen\s)",
    re.IGNORECASE,
)
# The cursors of the one, and the commands of a file in the other, are what they were given.
PASSING_ON = ("pipeline/core/link.py", "pipeline/core/statements.py")
# What takes SQL, and what takes the name of a statement, by the place of that argument.
SQL_METHODS = ("execute", "executemany", "mogrify", "copy_expert")
STATEMENT_FUNCTIONS = {"statement": 0, "execute": 1, "fetch_all": 1, "fetch_one": 1}
NAME_START = re.compile(r"[a-z_]+/")

NOT_PORTABLE = re.compile(
    r"skip\s+locked|\bctid\b|advisory|merge\s+into|create\s+(or\s+replace\s+)?(constraint\s+)?trigger",
    re.IGNORECASE,
)


def library_knows_nothing_of_pipeline(files: Files) -> list[str]:
    return [
        f"{file} imports {name}"
        for file, name in imports_in(files)
        if module_of(file) in LIBRARY and is_in(name, ("pipeline", "transport"))
    ]


def pipeline_knows_nothing_of_the_library(files: Files) -> list[str]:
    beyond = ("publisher", "history", "transport", "utils", "models", "commands")
    return [
        f"{file} imports {name}"
        for file, name in imports_in(files)
        if file.startswith("pipeline/") and is_in(name, beyond)
    ]


def only_the_office_imports_its_commands(files: Files) -> list[str]:
    others = {f: text for f, text in files.items() if f != "office.py" and "commands/" not in f}
    return used_outside(others, ("commands",), allowed=())


def nobody_imports_an_entry_point(files: Files) -> list[str]:
    return [
        f"{file} imports {name}" for file, name in imports_in(files) if is_in(name, ENTRY_POINTS)
    ]


def imports_are_absolute_and_plain(files: Files) -> list[str]:
    """What the other rules build on: no relative, no dynamic import, `src` as the import root."""
    found = [f"{file} imports {n}" for file, n in imports_in(files) if is_in(n, ("", "src"))]
    hidden = ("importlib.import_module", "__import__", "runpy")
    return found + [f"{file} uses {name}" for file, name in uses_in(files) if is_in(name, hidden)]


def only_database_opens_connections(files: Files) -> list[str]:
    opening = ("psycopg2.connect", "psycopg2.pool")
    return used_outside(files, opening, allowed=("pipeline/core/database.py",))


def only_database_ends_transactions(files: Files) -> list[str]:
    ending = {"commit", "rollback", "autocommit"}
    return [
        f"{file} uses .{node.attr}"
        for file, tree in trees_of(files)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ending
        # link.py passes on what database.py calls.
        if file not in ("pipeline/core/database.py", "pipeline/core/link.py")
    ]


def only_settings_reads_the_environment(files: Files) -> list[str]:
    by_name = ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ[]", "os.environb")
    reading = ("os.environ", "os.getenv", "os.environb", "pydantic_settings")
    starters = {file: text for file, text in files.items() if file in STARTERS}
    return used_outside(
        files, reading, allowed=("pipeline/core/settings.py", *STARTERS)
    ) + used_outside(starters, (*by_name, "pydantic_settings"), allowed=())


def only_quality_imports_great_expectations(files: Files) -> list[str]:
    return used_outside(files, ("great_expectations",), allowed=("pipeline/quality/checks.py",))


def only_receivers_imports_apprise(files: Files) -> list[str]:
    return used_outside(files, ("apprise",), allowed=("pipeline/operations/receivers.py",))


def no_sql_in_python(files: Files) -> list[str]:
    return [
        f"{file} says {text!r}"
        for file, text in strings_in(files)
        if SQL_START.match(text) and (file, text) not in SQL_IN_PYTHON
    ]


def no_sql_is_put_together(files: Files) -> list[str]:
    return [
        f"{file}:{call.lineno} puts a statement together"
        for file, tree in trees_of(files)
        for call in ast.walk(tree)
        if file not in PASSING_ON
        and isinstance(call, ast.Call)
        and not (takes_whole_sql(call) and takes_plain_name(call))
    ]


def sql_files_begin_with_a_comment(files: Files) -> list[str]:
    return [file for file, text in files.items() if not re.match(r"-- \S", text)]


def sql_files_are_portable(files: Files) -> list[str]:
    return [
        f"{file} says {found.group()}"
        for file, text in files.items()
        for found in NOT_PORTABLE.finditer(re.sub(r"--.*", "", text))
    ]


PYTHON_RULES: list[tuple[Rule, Files]] = [
    (library_knows_nothing_of_pipeline, {"publisher.py": "from pipeline import staging"}),
    (library_knows_nothing_of_pipeline, {"utils/pipeline_utils.py": "import pipeline.core.errors"}),
    (library_knows_nothing_of_pipeline, {"utils/jetstream.py": "import pipeline.core.errors"}),
    (library_knows_nothing_of_pipeline, {"utils/pipes.py": "from transport import saying"}),
    (
        library_knows_nothing_of_pipeline,
        {"models/subscriber.py": "def f():\n    from pipeline.core.errors import OfficeError"},
    ),
    (pipeline_knows_nothing_of_the_library, {"pipeline/merge/merge.py": "import publisher"}),
    (
        pipeline_knows_nothing_of_the_library,
        {"pipeline/merge/merge.py": "from models import scheduler"},
    ),
    (
        pipeline_knows_nothing_of_the_library,
        {"pipeline/merge/merge.py": "from utils.pipeline_utils import Channel"},
    ),
    (
        library_knows_nothing_of_pipeline,
        {"history.py": "from pipeline.core.streams import STREAMS"},
    ),
    (
        pipeline_knows_nothing_of_the_library,
        {"pipeline/merge/merge.py": "from commands import data"},
    ),
    (only_the_office_imports_its_commands, {"ingestor.py": "from commands.data import load"}),
    (nobody_imports_an_entry_point, {"commands/data.py": "from office import main"}),
    (nobody_imports_an_entry_point, {"analytics.py": "from ingestor import main"}),
    (nobody_imports_an_entry_point, {"pipeline/report/pages.py": "import office"}),
    (imports_are_absolute_and_plain, {"pipeline/merge/merge.py": "from . import cycle"}),
    (imports_are_absolute_and_plain, {"pipeline/merge/merge.py": "from .cycle import run_cycle"}),
    (imports_are_absolute_and_plain, {"office.py": "from src.pipeline import merge"}),
    (
        imports_are_absolute_and_plain,
        {"pipeline/merge/merge.py": "from importlib import import_module as load"},
    ),
    (
        only_database_opens_connections,
        {"pipeline/merge/merge.py": "import psycopg2\npsycopg2.connect()"},
    ),
    (only_database_opens_connections, {"office.py": "from psycopg2 import connect as c\nc('')"}),
    (
        only_database_opens_connections,
        {"pipeline/merge/merge.py": "import psycopg2 as p\np.connect()"},
    ),
    (only_database_ends_transactions, {"pipeline/merge/merge.py": "cursor.connection.commit()"}),
    (only_database_ends_transactions, {"pipeline/revenue/revenue.py": "connection.rollback()"}),
    (only_database_ends_transactions, {"office.py": "connection.autocommit = True"}),
    (
        only_settings_reads_the_environment,
        {"pipeline/merge/merge.py": "import os\nos.environ['HOME']"},
    ),
    (only_settings_reads_the_environment, {"ingestor.py": "import os\nos.getenv('HOME')"}),
    (only_settings_reads_the_environment, {"office.py": "from os import environ as e"}),
    (only_settings_reads_the_environment, {"pipeline/core/logs.py": "import pydantic_settings"}),
    (only_settings_reads_the_environment, {STARTERS[0]: "import os\nos.environ['HOME']"}),
    (only_settings_reads_the_environment, {STARTERS[1]: "import os\nos.environ.get('HOME')"}),
    (only_quality_imports_great_expectations, {"office.py": "import great_expectations as gx"}),
    (
        only_quality_imports_great_expectations,
        {"pipeline/quality/cycle.py": "def f():\n    from great_expectations.core import batch"},
    ),
    (only_receivers_imports_apprise, {"commands/notify.py": "from apprise import Apprise"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'SELECT 1'"}),
    (no_sql_in_python, {"office.py": "q = ' select id from claim'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = '-- why\\nINSERT INTO claim VALUES (1)'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'UPDATE claim SET price = 1'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'DELETE FROM claim'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'WITH a AS (SELECT 1) SELECT 1'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = f'TRUNCATE {table}'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'COPY claim (id) FROM STDIN'"}),
    (no_sql_in_python, {"pipeline/merge/merge.py": "q = 'SET lock_timeout = 1'"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute(f'{verb} 1')"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute(text + ' LIMIT 1')"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute('%s 1' % verb)"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute('{} 1'.format(verb))"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute(text)"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "cursor.execute(query=text)"}),
    (
        no_sql_is_put_together,
        {"pipeline/merge/merge.py": "cursor.mogrify(statement('a/b') + ' LIMIT 1', {})"},
    ),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "execute(cursor, 'merge/' + name)"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "fetch_one(cursor, f'{stage}/open_run')"}),
    (no_sql_is_put_together, {"pipeline/merge/merge.py": "statement('merge/%s' % name)"}),
]

SQL_RULES: list[tuple[Rule, Files]] = [
    (sql_files_begin_with_a_comment, {"merge/a.sql": "SELECT 1 -- one"}),
    (sql_files_begin_with_a_comment, {"merge/a.sql": "\n-- One row.\nSELECT 1"}),
    (sql_files_are_portable, {"merge/a.sql": "SELECT 1 FROM c FOR UPDATE\nSKIP LOCKED"}),
    (sql_files_are_portable, {"merge/a.sql": "SELECT ctid FROM claim"}),
    (sql_files_are_portable, {"merge/a.sql": "SELECT pg_advisory_xact_lock(1)"}),
    (sql_files_are_portable, {"merge/a.sql": "merge into claim USING a ON true"}),
    (sql_files_are_portable, {"schema/a.sql": "CREATE OR REPLACE TRIGGER t"}),
]


def names_of(rules: list[tuple[Rule, Files]]) -> list[str]:
    return [rule.__name__ for rule, _ in rules]


@pytest.mark.parametrize("rule", dict(PYTHON_RULES), ids=lambda rule: rule.__name__)
def test_python_files_keep_the_rule(rule: Rule) -> None:
    assert rule(python_files()) == []


@pytest.mark.parametrize("rule", dict(SQL_RULES), ids=lambda rule: rule.__name__)
def test_sql_files_keep_the_rule(rule: Rule) -> None:
    assert rule(sql_files()) == []


@pytest.mark.parametrize(
    ("rule", "planted"), PYTHON_RULES + SQL_RULES, ids=names_of(PYTHON_RULES + SQL_RULES)
)
def test_a_planted_violation_is_reported(rule: Rule, planted: Files) -> None:
    found = rule(planted)
    assert found
    assert all(next(iter(planted)).split("/")[-1].split(".")[0] in line for line in found)


ALLOWED: list[tuple[Rule, Files]] = [
    (no_sql_in_python, {"office.py": '"""Update what is due, with care."""'}),
    (no_sql_in_python, {"office.py": "print('Set DATABASE_URL, then merge.')"}),
    (
        no_sql_is_put_together,
        {"pipeline/merge/merge.py": "fetch_one(cursor, f'merge/next_{where}', stream=stream)"},
    ),
    (
        no_sql_is_put_together,
        {"pipeline/merge/merge.py": "cursor.execute(statement(name), values)"},
    ),
    (only_settings_reads_the_environment, {STARTERS[1]: "import os\nstart(env={**os.environ})"}),
    (sql_files_are_portable, {"merge/a.sql": "-- SKIP LOCKED would skip.\nSELECT 1"}),
]


@pytest.mark.parametrize(("rule", "allowed"), ALLOWED, ids=names_of(ALLOWED))
def test_what_is_allowed_is_not_reported(rule: Rule, allowed: Files) -> None:
    assert rule(allowed) == []


def test_the_rules_see_the_files_they_name() -> None:
    modules = {module_of(file) for file in python_files()}
    assert {*LIBRARY, *ENTRY_POINTS} <= modules


def test_every_exception_is_still_needed() -> None:
    assert set(strings_in(python_files())) >= SQL_IN_PYTHON
    using = {file for file, name in uses_in(python_files()) if is_in(name, ("os.environ",))}
    assert using == {"pipeline/core/settings.py", *STARTERS}


def python_files() -> Files:
    return files_under(SRC, "*.py")


def sql_files() -> Files:
    """Every statement, rendered."""
    statements = for_each_stream(all_statements())
    return {f"{name}.sql": statement(name, stream) for name, stream in statements}


def files_under(folder: Path, pattern: str) -> Files:
    files = {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob(pattern))
    }
    assert files, folder
    return files


def trees_of(files: Files) -> list[tuple[str, ast.Module]]:
    return [(file, parsed(text)) for file, text in files.items()]


# All rules read the same files, so each file is parsed once.
parsed = cache(ast.parse)


def module_of(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these, or something inside of one."""
    return any(
        name == package or name.startswith((f"{package}.", f"{package}[")) for package in packages
    )


def imports_in(files: Files) -> list[tuple[str, str]]:
    """Each file with each dotted name that it imports; a relative one begins with a dot."""
    return [
        (file, name)
        for file, tree in trees_of(files)
        for node in ast.walk(tree)
        for name in imported_by(node).values()
    ]


def imported_by(node: ast.AST) -> dict[str, str]:
    """What an import statement binds, with the dotted name behind it."""
    if isinstance(node, ast.Import):
        return {each.asname or each.name: each.name for each in node.names}
    if isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        return {each.asname or each.name: f"{origin}.{each.name}" for each in node.names}
    return {}


def used_outside(files: Files, names: tuple[str, ...], *, allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{file} uses {name}"
        for file, name in uses_in(files)
        if file not in allowed and is_in(name, names)
    ]


def uses_in(files: Files) -> list[tuple[str, str]]:
    """Each file with each dotted name that it imports or uses, whatever it calls it."""
    return imports_in(files) + [
        (file, name) for file, tree in trees_of(files) for name in dotted_uses(tree)
    ]


def dotted_uses(tree: ast.Module) -> Iterator[str]:
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        known |= imported_by(node)
    for node in ast.walk(tree):
        written = dotted(node)
        first, dot, rest = written.partition(".")
        yield known.get(first, first) + dot + rest


def dotted(node: ast.AST) -> str:
    """A name as it is written: `os.environ.get`, `os.environ[]`; nothing for other code."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return f"{dotted(node.value)}[]"
    return ""


def strings_in(files: Files) -> list[tuple[str, str]]:
    """Each file with each of its strings, and each fixed part of an f-string; no docstrings."""
    return [(file, text) for file, tree in trees_of(files) for text in strings_of(tree)]


def strings_of(tree: ast.Module) -> list[str]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    ]


def takes_whole_sql(call: ast.Call) -> bool:
    """Whether a cursor gets its SQL as it stands: a statement of a file, or a plain string.

    What the driver has put the parameters in was looked at when the driver got it.
    """
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in SQL_METHODS):
        return True
    given = call.args[0] if call.args else None
    return isinstance(given, ast.Constant) or (
        isinstance(given, ast.Call)
        and dotted(given.func) in ("statement", "statements", "cursor.mogrify")
    )


def takes_plain_name(call: ast.Call) -> bool:
    """Whether a statement is named plainly: at most its last part is filled in."""
    place = STATEMENT_FUNCTIONS.get(dotted(call.func))
    if place is None:
        return True
    given = call.args[place] if len(call.args) > place else None
    if isinstance(given, ast.JoinedStr):
        first = given.values[0]
        return isinstance(first, ast.Constant) and bool(NAME_START.match(str(first.value)))
    return isinstance(given, ast.Constant | ast.Name | ast.IfExp)
