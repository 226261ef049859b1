"""Every folder `<statement>/<case>/` below this one is a test; see README.md."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.database import Database
from pipeline.core.statements import all_statements, for_each_stream
from sql.runner import SCHEMA_FILE, differences, files_of, statement_of, steps_of

HERE = Path(__file__).parent
CASES = sorted({file.parent for file in HERE.rglob("expect*.csv")})

# What a cluster has in place of a file of the schema, and the cases that read what it makes: they
# come out the same by it.
OF_A_CLUSTER = {
    "citus/205_raw_and_clean": (
        "schema/repeatable/200_audit/",
        "schema/repeatable/205_raw_and_clean/",
    ),
    "citus/210_figures": (
        "audit/explain/categories/",
        "audit/explain/contributions/",
        "revenue/",
        "schema/offices/",
        "schema/repeatable/210_figures/",
    ),
}
CASES_OF_A_CLUSTER = [
    (form, case)
    for form, readers in OF_A_CLUSTER.items()
    for case in CASES
    if str(case.relative_to(HERE)).startswith(readers)
]

# Locks, statistics, partitions, a schema that goes, the planner's settings, the server's processes
# and passwords, which data alone can't show, COPY, which talks with the client, and what only
# Citus has.
WITHOUT_CASE = {
    "archive/export_day",
    "citus/layout",
    "core/cluster/allow_large_results",
    "core/cluster/count_workers",
    "core/cluster/has_extension",
    "core/cluster/is_cluster",
    "core/link/backend_pid",
    "core/link/server_side",
    "merge/analyze",
    "merge/check_constraints",
    "merge/lock_cursor",
    "schema/layout/check_each_row",
    "schema/layout/copy_to_nodes",
    "schema/layout/drop_old_rows",
    "schema/layout/grant_on_shards",
    "schema/layout/is_spread",
    "schema/layout/keep_comments",
    "schema/layout/keeps_old_rows",
    "schema/layout/restore_comments",
    "schema/layout/share_functions",
    "schema/layout/share_roles",
    "schema/layout/spread",
    "schema/layout/unlimit_time",
    "schema/offices/drop_views",
    "schema/limits/locks",
    "schema/limits/locks_of_workers",
    "schema/partitions/make",
    "audit/rebuild/analyze",
    "audit/rebuild/analyze_archived",
    "audit/rebuild/read_back",
    "operations/status/old_transaction",
    "report/allow_pauses",
    "revenue/lock_cursors",
    "core/window/length",
    "schema/roles/are_there",
    "schema/given/set_limits",
    "schema/windows/set_length",
    "schema/roles/password_of_analytics",
    "schema/roles/password_of_auditor",
    "schema/roles/password_of_ingest",
    "schema/roles/password_of_merge",
    "staging/copy",
    "audit/verify_slice/favour_indexes",
}


@pytest.fixture(scope="module")
def database(shared_database_url: str) -> Iterator[Database]:
    """One for all cases, each of which is undone."""
    with closing(Database(shared_database_url)) as opened:
        yield opened


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.relative_to(HERE)))
def test_case(case: Path, database: Database) -> None:
    difference = "\n".join(differences(case, database))
    assert not difference, f"\n{difference}"


@pytest.mark.parametrize(
    ("form", "case"), CASES_OF_A_CLUSTER, ids=lambda each: str(each).removeprefix(f"{HERE}/")
)
def test_case_with_what_a_cluster_has(form: str, case: Path, database: Database) -> None:
    difference = "\n".join(differences(case, database, instead=form))
    assert not difference, f"\n{difference}"


def test_every_statement_has_a_case() -> None:
    assert without_case(set(all_statements())) == WITHOUT_CASE


def test_every_case_has_a_statement() -> None:
    named = {(step, stream) for name, stream in map(statement_of, CASES) for step in steps_of(name)}
    assert named <= set(for_each_stream(all_statements()))


def test_a_statement_without_a_case_is_reported() -> None:
    assert without_case({"merge/just_written", "merge/open_run"}) == {"merge/just_written"}


@pytest.mark.parametrize(
    ("file", "expected", "difference"),
    [
        ("expect.csv", "next_id\n5\n", "+0"),
        ("expect.csv", "next_id\n0\n0\n", "-0"),
        ("expect.ordered.csv", "next_id\n", "+0"),
        ("expect.csv", "no_such_column\n0\n", "returned: next_id; not: no_such_column"),
        ("expect.claim.csv", "id\n1\n", "-1"),
    ],
)
def test_a_difference_is_reported(
    tmp_path: Path, database: Database, file: str, expected: str, difference: str
) -> None:
    bounds = {"base": 0, "beyond": 1000, "passed_seq": 0, "pending_from": "-infinity"}
    case = write_case(tmp_path, {file: expected, "parameters.json": json.dumps(bounds)})
    assert difference in differences(case, database)


@pytest.mark.parametrize("files", [{"claim.csv": "id\n"}, {"expect.csv": "", "expcet.txt": ""}])
def test_a_case_that_shows_nothing_is_an_error(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expect|expcet"):
        files_of(write_case(tmp_path, files))


def write_case(folder: Path, files: dict[str, str]) -> Path:
    case = folder / "sql" / "staging" / "next_id" / "claim" / "a_case"
    case.mkdir(parents=True)
    for name, text in files.items():
        (case / name).write_text(text, encoding="utf-8")
    return case


def without_case(names: set[str]) -> set[str]:
    wanted = {name for name in names if not SCHEMA_FILE.fullmatch(name)}
    return wanted - {step for name, _ in map(statement_of, CASES) for step in steps_of(name)}
