"""Runs the check suites of `expectations/`; the only module that imports Great Expectations.

An ephemeral context, one checkpoint for the life of the process and a bounded pool of connections
keep its memory flat. Counts instead of samples keep patients' data out of its reports.
"""

import gc
import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg2
from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache
from psycopg2.extensions import connection, make_dsn, parse_dsn
from sqlalchemy import URL, Engine, ExceptionContext, event

from pipeline.core.database import connect, describe
from pipeline.core.files import replace_file
from pipeline.core.severity import holds_back
from pipeline.core.streams import STREAMS
from pipeline.quality.data_docs import offline, prune

# The import takes one and a half times as long with the garbage collector on, because the collector
# looks again and again through objects that live as long as the process.
gc.disable()
try:
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.store.tuple_store_backend import (
        TupleFilesystemStoreBackend,
    )
    from great_expectations.data_context.types.base import DataContextConfig
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
    )
    from great_expectations.datasource.fluent.interfaces import TestConnectionError
    from great_expectations.render.view import view

    gc.freeze()
finally:
    gc.enable()

STAGING_SUITE: Final = "staging"
HABIT_SUITE: Final = "habit"
RUN_SUITES: Final = (STAGING_SUITE, HABIT_SUITE)
REVENUE_SUITE: Final = "revenue"
WINDOW_SUITES: Final = (*STREAMS, REVENUE_SUITE)

# Never keep samples of values: they would carry patients' data into results and pages.
RESULT_FORMAT = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
}

# Without the caps on pool and cache, memory grows with every run.
ENGINE_ARGUMENTS = {
    "pool_size": 1,
    "max_overflow": 2,
    "pool_pre_ping": True,
    "query_cache_size": 100,
}

# The library's index lists so many of the newest results.
RESULTS_SHOWN = 50


class _Compiled(BytecodeCache):
    """Keeps compiled templates.

    The library makes a new template environment for every page, and each one compiles all templates
    again. That took most of the time of a check.
    """

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


views: Any = view
views.Environment = partial(Environment, bytecode_cache=_Compiled())


@event.listens_for(Engine, "do_connect")
def _connect_as_we_do(_dialect: Any, _record: Any, _arguments: Any, where: Any) -> connection:  # noqa: ANN401
    """Opens the library's connections like ours: with timeouts and a watch on the link."""
    return connect(make_dsn(**where), name="analytics checks")


@event.listens_for(Engine, "handle_error")
def _quote_no_row(context: ExceptionContext) -> None:
    """Replaces the database's error texts: they quote rows, and the library shows them."""
    told = describe(context.original_exception)
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = (told,)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check on one slice of data."""

    suite: str
    check_name: str
    severity: str
    status: str
    rows_at_fault: int | None = None
    rows_checked: int | None = None
    window_start: datetime | None = None

    @property
    def blocks(self) -> bool:
        """Whether it holds figures back."""
        return holds_back(self.status, self.severity)

    def of_window(self, window_start: datetime) -> "CheckResult":
        """The same result for one window."""
        return replace(self, window_start=window_start)


class Checker:
    """Runs the suites on slices of data, which are given as queries. A process makes only one.

    Args:
        dsn: the database of the data.
        expectations: the folder of the suites.
        docs: the folder for the library's pages.

    Raises:
        psycopg2.OperationalError: the database can't be reached.
    """

    def __init__(self, dsn: str, *, expectations: Path, docs: Path) -> None:
        self._context = gx.get_context(mode="ephemeral", project_config=_context_config(docs))
        self._context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        try:
            # It tries the connection.
            self._source = self._context.data_sources.add_postgres(  # type: ignore[call-arg]
                "office",
                connection_string=_sqlalchemy_url(dsn),
                kwargs=ENGINE_ARGUMENTS,
            )
        except TestConnectionError:
            raise psycopg2.OperationalError("the checks reach no database") from None
        self._docs = docs
        # The identifiers of results and suites that have no page yet.
        self._unshown: list[Any] = []
        self._suites = {
            name: _Suite(self._context, self._source, expectations / f"{name}.json")
            for name in (*RUN_SUITES, *WINDOW_SUITES)
        }

    def check(self, queries: dict[str, str], *, run_name: str) -> list[CheckResult]:
        """Runs each suite on the rows of its query; `run_name` is the title of their pages."""
        results: list[CheckResult] = []
        for name, query in queries.items():
            found, shown_by = self._suites[name].check(query, run_name=run_name)
            results += found
            self._unshown += shown_by
        return results

    def broken_checks(self) -> list[CheckResult]:
        """An errored result for each suite that can't be read and each check that is unknown."""
        return [result for suite in self._suites.values() for result in suite.broken]

    def write_docs(self) -> None:
        """Writes the library's pages of the checks since the last call, and removes old ones.

        Each time it writes pages, the library reads the newest results again. So this is called
        once a run.
        """
        if self._unshown:
            self._context.build_data_docs(resource_identifiers=self._unshown)
            self._unshown = []
        prune(self._docs)


class OfflinePages(TupleFilesystemStoreBackend):
    """Stores the library's pages: each in one step, and without links to other hosts."""

    def _set(self, key: Any, value: str | bytes, **_: object) -> str:  # type: ignore[override]  # noqa: ANN401
        place = Path(self._convert_key_to_filepath(key))  # type: ignore[no-untyped-call]
        file = Path(self.full_base_directory) / place
        content = value.encode() if isinstance(value, str) else value
        if place.suffix in {".html", ".css"}:
            content = offline(content.decode(), depth=len(place.parts) - 1).encode()
        # The library writes its pictures again with every result.
        if not (file.is_file() and file.read_bytes() == content):
            replace_file(file, content)
        return str(file)


class _Suite:
    """A suite file, and the checkpoint that runs it."""

    def __init__(self, context: Any, source: Any, file: Path) -> None:  # noqa: ANN401  (untyped library)
        self.name = file.stem
        self.broken: list[CheckResult] = []
        known = self._known_checks(self._read(file))
        self._asset = source.add_query_asset(self.name, query="SELECT 1")
        suite = context.suites.add(gx.ExpectationSuite(name=self.name, expectations=known))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=self.name,
                data=self._asset.add_batch_definition_whole_table("slice"),
                suite=suite,
            )
        )
        self._checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=self.name,
                validation_definitions=[definition],
                result_format=RESULT_FORMAT,
            )
        )
        self._is_empty = not known

    def check(self, query: str, *, run_name: str) -> tuple[list[CheckResult], list[Any]]:
        """The results, and the library's identifiers of what its pages should show of them."""
        if self._is_empty:
            return [], []
        self._asset.query = query
        outcome = self._checkpoint.run(run_id=RunIdentifier(run_name=run_name))
        results = [
            result
            for validation in outcome.run_results.values()
            for result in _check_results(self.name, validation.results)
        ]
        return results, [*outcome.run_results, ExpectationSuiteIdentifier(name=self.name)]

    def _read(self, file: Path) -> list[dict[str, Any]]:
        try:
            checks = json.loads(file.read_text(encoding="utf-8"))["expectations"]
        except FileNotFoundError:
            self._break(f"The suite {file.name} is there.")
        except (ValueError, KeyError, TypeError):
            self._break(f"The suite {file.name} is JSON with a list of expectations.")
        else:
            if isinstance(checks, list) and checks:
                return checks
            self._break(f"The suite {file.name} holds at least one check.")
        return []

    def _known_checks(self, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The known checks. The library drops unknown ones silently, so each is tried alone."""
        known = []
        for number, check in enumerate(checks, start=1):
            name = _name_of(check, number)
            if _is_known(check):
                known.append({**check, "meta": {**(check.get("meta") or {}), "check_name": name}})
            else:
                self._break(f"{name} (the check itself is misspelt: type, arguments or severity)")
        return known

    def _break(self, check_name: str) -> None:
        self.broken.append(
            CheckResult(
                suite=self.name, check_name=check_name, severity="critical", status="errored"
            )
        )


def _name_of(check: object, number: int) -> str:
    if isinstance(check, dict):
        return str(check.get("description") or check.get("type") or f"check {number}")
    return f"check {number}"


def _is_known(check: object) -> bool:
    if not isinstance(check, dict) or check.get("severity") not in ("critical", "warning", "info"):
        return False
    try:
        return len(gx.ExpectationSuite(name="probe", expectations=[check]).expectations) == 1
    except Exception:  # noqa: BLE001  (whatever the library makes of it, it isn't a check it knows)
        return False


def _check_results(suite: str, results: list[ExpectationValidationResult]) -> list[CheckResult]:
    # All checks saw the same slice, but one with its own query does not report the number of rows.
    counts = [result.result.get("element_count") for result in results]
    rows = next((count for count in counts if count is not None), None)
    return [_check_result(suite, result, rows) for result in results]


def _check_result(
    suite: str, result: ExpectationValidationResult, rows_of_slice: int | None
) -> CheckResult:
    config = result.expectation_config
    if config is None:
        raise RuntimeError("a validation result without its expectation")
    found = result.result
    fault = found.get("unexpected_count", found.get("observed_value"))
    return CheckResult(
        suite=suite,
        check_name=config.meta["check_name"],
        severity=str(getattr(config.severity, "value", config.severity)),
        status=_status(result),
        rows_at_fault=fault if isinstance(fault, int) else None,
        rows_checked=found.get(
            "element_count", rows_of_slice if config.meta.get("counts_rows") else None
        ),
    )


def _status(result: ExpectationValidationResult) -> str:
    if _raised(result.exception_info or {}):
        return "errored"
    return "passed" if result.success else "failed"


def _raised(exception_info: dict[str, Any]) -> bool:
    """Whether the check broke down. There is one entry per check, or one per metric of it."""
    if exception_info.get("raised_exception"):
        return True
    return any(
        isinstance(metric, dict) and metric.get("raised_exception")
        for metric in exception_info.values()
    )


def _sqlalchemy_url(dsn: str) -> str:
    parts = parse_dsn(dsn)
    port = parts.pop("port", None)
    url = URL.create(
        "postgresql+psycopg2",
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        host=parts.pop("host", None),
        port=int(port) if port else None,
        database=parts.pop("dbname", None),
        query=parts,
    )
    # SQLAlchemy leaves a space in a password as it is, and the library takes that for no URL.
    return url.render_as_string(hide_password=False).replace(" ", "%20")


def _context_config(docs: Path) -> DataContextConfig:
    def in_memory(class_name: str) -> dict[str, Any]:
        return {
            "class_name": class_name,
            "store_backend": {"class_name": "InMemoryStoreBackend"},
        }

    def in_files(folder: Path) -> dict[str, Any]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}

    return DataContextConfig(
        expectations_store_name="expectations_store",
        validation_results_store_name="validation_results_store",
        checkpoint_store_name="checkpoint_store",
        stores={
            "expectations_store": in_memory("ExpectationsStore"),
            "checkpoint_store": in_memory("CheckpointStore"),
            "validation_definition_store": in_memory("ValidationDefinitionStore"),
            "validation_results_store": {
                "class_name": "ValidationResultsStore",
                "store_backend": {
                    **in_files(docs / "results"),
                    "filepath_suffix": ".json",
                },
            },
        },
        data_docs_sites={
            "site": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {
                    "module_name": __name__,
                    "class_name": OfflinePages.__name__,
                    "base_directory": str(docs / "site"),
                },
                "site_index_builder": {
                    "class_name": "DefaultSiteIndexBuilder",
                    "validation_results_limit": RESULTS_SHOWN,
                },
            }
        },
        analytics_enabled=False,
    )
