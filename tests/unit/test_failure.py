"""Which errors lie in the rows of a batch, and how many rows are tried after one."""

import math
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import errors

from pipeline.core.cluster import is_node_away
from pipeline.merge.failure import (
    ATTEMPTS_ALONE,
    FIRST_BATCH,
    DoubtfulRowsError,
    RowsError,
    Sizes,
    rows_error,
)

LIMIT = 30.0


def attempts(bad: set[int], rows: int, *, too_many: int = 10**9) -> Iterator[tuple[int, bool]]:
    """The sizes of the batches that take the rows, and whether they fail, as the merge does it."""
    sizes = Sizes(rows)
    at = 0
    while at < rows:
        size = min(sizes.next, rows - at)
        is_refused = size == 1 and sizes.refused_seq == at
        fails = not is_refused and (size > too_many or bool(bad & set(range(at, at + size))))
        yield size, fails
        if fails:
            sizes.failed(RowsError("", rows=size, first_seq=at))
        else:
            at += size
            sizes.succeeded()


@pytest.mark.parametrize("rows", [2, 3, 100, 2_500, 5_000, 100_000])
def test_one_bad_row_is_found_in_few_batches(rows: int) -> None:
    places = {*range(0, rows, max(1, rows // 300)), rows - 1}
    most = max(len(list(attempts({place}, rows))) for place in places)
    # In a small batch the attempts at the row alone count for more.
    assert most <= 2 * math.log2(rows) + (0 if rows >= 5_000 else ATTEMPTS_ALONE + 1)


def test_without_a_bad_row_batches_start_small_and_grow() -> None:
    sizes = [size for size, _ in attempts(set(), 100_000)]
    assert sizes == sorted(sizes[:-1]) + sizes[-1:]
    assert sizes[0] == FIRST_BATCH
    assert sum(sizes) == 100_000


def test_a_size_that_is_too_much_by_itself_is_not_tried_again_and_again() -> None:
    done = list(attempts(set(), 100_000, too_many=9_000))
    assert sum(fails for _, fails in done) <= 3
    assert len(done) < 60


def test_a_row_is_refused_after_it_has_failed_by_itself_several_times() -> None:
    done = list(attempts({0}, 1))
    assert done == [(1, True)] * ATTEMPTS_ALONE + [(1, False)]


def test_failures_of_different_rows_are_not_added_up() -> None:
    sizes = Sizes(10)
    for seq in range(20):
        sizes.failed(RowsError("", rows=1, first_seq=seq))
    assert sizes.refused_seq is None


def of(error: psycopg2.Error, took: float = 0.1) -> RowsError | None:
    return rows_error(error, took=took, limit=LIMIT, rows=2, first_seq=7)


class Failed(psycopg2.Error):
    """An error with an SQLSTATE, which the driver's own can't be made with."""

    pgcode = None


def failed(sqlstate: str | None, text: str = "Key (id)=(4711)") -> psycopg2.Error:
    error: psycopg2.Error = type("Failed", (Failed,), {"pgcode": sqlstate})(text)
    return error


@pytest.mark.parametrize(
    "sqlstate", ["21000", "22001", "23502", "23514", "54001", "P0001", "XX000"]
)
def test_what_refuses_a_row_lies_in_the_rows(sqlstate: str) -> None:
    found = of(failed(sqlstate))
    assert found
    assert (found.rows, found.first_seq) == (2, 7)
    assert "4711" not in str(found)
    assert not isinstance(found, DoubtfulRowsError)


@pytest.mark.parametrize("sqlstate", ["23505", "53200", "53400"])
def test_what_may_pass_is_doubtful(sqlstate: str) -> None:
    assert isinstance(of(failed(sqlstate)), DoubtfulRowsError)


@pytest.mark.parametrize(
    "sqlstate",
    [
        None,
        "08006",
        "40001",
        "40P01",
        "42501",
        "42P01",
        "53100",
        "53300",
        "55P03",
        "57P01",
        "XX001",
    ],
)
def test_what_passes_or_concerns_all_rows_does_not(sqlstate: str | None) -> None:
    assert of(failed(sqlstate)) is None


@pytest.mark.parametrize(
    "text",
    [
        "server closed the connection unexpectedly\n\tThis probably means the server terminated",
        "cannot connect to 10.0.0.2:5432 to fetch intermediate results\nCONTEXT:  while executing",
        "failure on connection marked as essential: 10.0.0.2:5432\n",
        'failed to read result "repartition_66_4_4" from node 10.0.0.2:5432\n',
        "failed to prepare transaction 'citus_0_1_2_3' on host 10.0.0.2:5432\nHINT:  Try",
        "could not connect to any active placements\n",
        "terminating connection due to administrator command\n",
        "the database system is shutting down\n",
    ],
)
def test_a_node_that_is_away_does_not_lie_in_the_rows(text: str) -> None:
    assert of(failed("XX000", text)) is None
    assert is_node_away(failed("XX000", text))
    assert not is_node_away(failed("22P02", text))


@pytest.mark.parametrize(
    ("text", "may_pass"),
    [
        ('duplicate key value violates unique constraint "claim_pkey_102008"\nDETAIL:  Key', True),
        ('new row for relation "claim_102009" violates check constraint "c"\nDETAIL:  a', False),
        ("cache lookup failed\nDETAIL:  server closed the connection unexpectedly", False),
    ],
)
def test_a_row_that_a_node_refuses_in_a_copy_lies_in_the_rows(text: str, may_pass: bool) -> None:
    found = of(failed("XX000", text))
    assert found
    assert isinstance(found, DoubtfulRowsError) == may_pass
    assert "claim_" not in str(found)


def test_a_timeout_is_told_from_a_cancel_by_its_time() -> None:
    canceled = type("Canceled", (errors.QueryCanceled,), {"pgcode": "57014"})()
    assert of(canceled, took=LIMIT)
    assert of(canceled, took=LIMIT / 2) is None
