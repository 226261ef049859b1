"""A small slice of `make bench`: its own parts do what they say, on a few hundred events."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import (
    append,
    broker,
    catch_up,
    floor,
    latency,
    load,
    memory,
    merge,
    peer,
    profile,
    project,
    recompute,
    top_up,
)
from benchmarks.base import Base, make_base
from benchmarks.copying import execute, expected_rows
from benchmarks.lab import (
    GIVEN,
    OFFICE,
    Lab,
    UnequalRowsError,
    autocommitting,
    final_rows,
    lab,
    named,
)
from benchmarks.lines import Lines, make_lines
from benchmarks.observed import COMMIT, UNNAMED
from benchmarks.results import Comparison, Figure, machine, print_table, write_results
from benchmarks.turns import Plan
from pipeline.merge import merge as merge_module
from pipeline.merge.typist import TYPE

EVENTS = 300
PLAN = Plan(rows=EVENTS, runs=1, bases=(1000,), rates=(EVENTS,), seconds=1, memory_seconds=2)


@pytest.fixture(scope="module")
def small_lab() -> Iterator[Lab]:
    with lab(print) as made:
        yield made


@pytest.fixture(scope="module")
def base(small_lab: Lab) -> Base:
    return make_base(small_lab, 10_000)


@pytest.fixture
def lines(small_lab: Lab) -> Lines:
    return make_lines(small_lab.new_folder("lines"), EVENTS)


def test_a_fifth_of_the_lines_repeats_an_earlier_one(lines: Lines) -> None:
    for stream, file in lines.files().items():
        written = file.read_bytes().splitlines()
        assert len(written) == EVENTS / 2
        assert len(set(written)) == EVENTS / 2 * 0.8 == lines.distinct(stream)
        ids = [json.loads(line)["id"] for line in dict.fromkeys(written)]
        assert ids == sorted(set(ids))
        assert len(lines.typed_file(stream).read_bytes().splitlines()) == len(ids)


def test_the_same_seed_makes_the_same_lines(small_lab: Lab, lines: Lines) -> None:
    again = make_lines(small_lab.new_folder("lines"), EVENTS)
    for stream, file in lines.files().items():
        assert file.read_bytes() == again.file(stream).read_bytes()


def test_project_naive_peer_and_bare_copy_come_to_the_same_rows(
    small_lab: Lab, lines: Lines
) -> None:
    compared = [
        merge.compare_with_peer(small_lab, PLAN, lines, peer.NAIVE, 1000),
        merge.compare_with_copy(small_lab, PLAN, lines, at_once=True),
    ]
    for each in compared:
        assert len(each.seconds) == len(each.reference_seconds) == PLAN.runs
        assert min(each.pair_ratios) > 0


def test_one_stream_is_compared_by_its_own_rows(small_lab: Lab) -> None:
    lines = make_lines(small_lab.new_folder("one"), EVENTS, streams=(merge.ONE_STREAM,))
    compared = merge.compare_with_copy(small_lab, PLAN, lines, at_once=False)
    assert compared.events == EVENTS
    assert compared.name.endswith("one stream")
    assert list(expected_rows(small_lab, lines)) == [merge.ONE_STREAM]


def test_other_final_rows_are_noticed(small_lab: Lab, lines: Lines) -> None:
    expected = expected_rows(small_lab, lines)
    file = lines.file("claim")
    changed = json.loads(file.read_bytes().splitlines()[0])
    changed["price"] += 1
    file.write_bytes(
        b"\n".join([json.dumps(changed).encode(), *file.read_bytes().splitlines()[1:]]) + b"\n"
    )
    with pytest.raises(UnequalRowsError, match="this project: 120 rows in claim"):
        merge.project_run(small_lab, lines, expected)()
    with pytest.raises(UnequalRowsError, match="INSERT"):
        merge.peer_run(small_lab, lines, peer.NAIVE, expected)()


def test_a_row_that_is_missing_is_noticed(small_lab: Lab, lines: Lines) -> None:
    expected = expected_rows(small_lab, lines)
    file = lines.file("diagnose")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:100]))
    with pytest.raises(UnequalRowsError, match="rows in diagnose"):
        merge.project_run(small_lab, lines, expected)()


def test_a_peer_that_fails_ends_it(small_lab: Lab, lines: Lines) -> None:
    broken = replace(peer.NAIVE, options=("--no-such-option",))
    with pytest.raises(peer.PeerError, match="no-such-option"):
        peer.run(broken, named(small_lab.url, GIVEN), lines, small_lab.new_folder("peer"))


@pytest.mark.parametrize("work", [append, load, catch_up, broker])
def test_a_work_measures_each_run(small_lab: Lab, work: object) -> None:
    for result in work.measure(small_lab, PLAN):  # type: ignore[attr-defined]
        measured = result.values if isinstance(result, Figure) else result.rates
        assert len(measured) == PLAN.runs
        assert min(measured) > 0


def test_a_history_is_as_the_merge_leaves_it(base: Base) -> None:
    with project.office(base.url) as office, office["claim"].transaction(snapshot=True) as cursor:
        cursor.execute(
            "SELECT received, merged, duplicate, conflict, rejected, pending, balanced "
            "FROM audit.reconciliation ORDER BY stream"
        )
        assert [tuple(row) for row in cursor.fetchall()] == [
            (10_000, 9_000, 800, 100, 100, 0, True),
            (1_000, 900, 80, 10, 10, 0, True),
        ]


def test_what_repeats_the_history_is_a_duplicate_in_it(small_lab: Lab, base: Base) -> None:
    with project.office(base.url, sweep=False) as office:
        for _ in range(2):
            top_up.top_up(office, base, base.more_lines(small_lab, EVENTS))
        with office["claim"].transaction() as cursor:
            cursor.execute(
                "SELECT count(*) FROM staging.outcome WHERE seq > %s AND fate = 'duplicate'",
                (base.rows,),
            )
            assert cursor.fetchone() == (2 * EVENTS / 5,)
            cursor.execute("SELECT count(*) FROM staging.outcome WHERE fate = 'conflict'")
            assert cursor.fetchone() == (110,)


def test_a_long_history_is_compared_with_a_short_one(
    small_lab: Lab, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_up, "EVENTS", EVENTS)
    compared = top_up.compare_bases(small_lab, PLAN, base, base, sweep=True)
    assert compared.events == EVENTS
    assert len(compared.pair_ratios) == PLAN.runs


def test_waiting_for_reads_is_told_by_run(base: Base) -> None:
    three_seconds_ago = top_up.read_seconds(base.url) - 3
    plan = replace(PLAN, runs=2)
    [waited] = top_up.waits_for_reads(plan, [base], [three_seconds_ago], sweep=False)
    assert waited.values[0] >= 1


def test_all_windows_and_one_more_are_computed_on_a_history(small_lab: Lab, base: Base) -> None:
    desk = recompute.make_desk(small_lab, base)
    measured = [
        recompute.compare_with_bare(small_lab, PLAN, desk),
        recompute.compare_cycles(small_lab, PLAN, desk, desk, pages=True),
    ]
    desk.database.close()
    for each in measured:
        assert len(each.pair_ratios) == PLAN.runs


def test_a_history_of_days_has_an_event_in_each_window(small_lab: Lab) -> None:
    base = recompute.days_base(small_lab, 2)
    assert recompute.days_of(base) == "after 2 days"
    windows = "SELECT count(DISTINCT date_bin('10 minutes', received_at, 'epoch')) FROM {}"
    with autocommitting(base.url) as cursor:
        cursor.execute(windows.format("staging.event"))
        assert cursor.fetchone()[0] == recompute.windows_in(base) == base.rows


def test_other_figures_than_the_bare_query_are_noticed(small_lab: Lab, base: Base) -> None:
    desk = recompute.make_desk(small_lab, base)
    recompute.recompute_run(desk)()
    execute(
        base.url, "UPDATE analytics.revenue_by_diagnosis SET claims = claims + 1 WHERE claims > 0"
    )
    with pytest.raises(RuntimeError, match="figures differ"):
        recompute.bare_run(desk)()
    desk.database.close()


def test_what_arrives_at_a_rate_is_followed_to_its_end(small_lab: Lab) -> None:
    lines = make_lines(small_lab.new_folder("arriving"), EVENTS)
    found = latency.run(small_lab, lines, EVENTS)
    assert 0 < found.median < found.p99 <= found.longest
    assert 0 < found.most_pending <= EVENTS
    assert found.processor_seconds > 0
    assert [figure.unit for figure in latency.figures(EVENTS, [found])] == [
        "s", "s", "s", "/s", "", "s"
    ]  # fmt: skip


def test_the_most_pending_are_those_before_a_batch() -> None:
    lines = Lines(Path(), 1, {"claim": 100, "diagnose": 100})
    times = {stream: {"began": 1000.0} for stream in lines.counts}
    merged = [("claim", 1, 10, 1002.0), ("diagnose", 2, 30, 1003.0), ("claim", 3, 20, 1009.0)]
    assert latency.most_pending(lines, times, merged, 20) == 142


def test_each_process_is_watched(small_lab: Lab) -> None:
    found = [figure.name for figure in memory.measure(small_lab, PLAN)]
    assert [name.split(",")[0] for name in found[::2]] == [
        "ingestor", "analytics", "PostgreSQL's connections"
    ]  # fmt: skip


def test_each_part_of_the_merge_is_compared_with_its_floor(small_lab: Lab) -> None:
    found = list(floor.measure(small_lab, PLAN))
    compared = [each for each in found if isinstance(each, Comparison)]
    assert [each.name for each in compared] == [part.name for part in floor.PARTS]
    assert {len(each.pair_ratios) for each in compared} == {PLAN.runs}
    assert [each.at_most for each in found if isinstance(each, Figure)] == [
        floor.CONTRACT_AIM,
        *[None] * (len(floor.READS) + len(floor.WRITES) + 5),
    ]
    # What each further index of the outcomes costs.
    assert [each.name.split()[-1] for each in found[-5:]] == [
        "outcome_entity",
        "outcome_reason",
        "outcome_rejected",
        "outcome_run_range",
        "outcome_set_aside",
    ]


def test_the_floor_comes_to_the_same_rows(small_lab: Lab, lines: Lines) -> None:
    with small_lab.fresh(OFFICE) as url, project.office(url) as office:
        project.load_and_merge(office, lines.files())
        floor.beside(office["claim"])
        assert final_rows(url, "floor", ["claim"]) == final_rows(url, "public", ["claim"])


def test_a_profile_tells_each_statement_of_a_batch(
    small_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "ROWS_WORTH_TYPING_AHEAD", 100)
    profiles, floors = profile.measure(small_lab, EVENTS, batch=100, small_batches=2)
    assert [each.observed.rows for each in profiles] == [EVENTS, 2 * profile.SMALL_BATCH]
    assert [each.observed.batches for each in profiles] == [EVENTS / 100, 2]
    for each in profiles:
        statements = {TYPE, *merge_module.STEPS, *merge_module.LAST_AHEAD}
        assert statements | {COMMIT} <= each.observed.seconds.keys()
        assert {TYPE, COMMIT} <= each.observed.meanwhile.keys()
        assert UNNAMED not in each.observed.work
        assert each.plain.rows == each.observed.rows
        assert profile.by_part(each).row_count == len(each.seconds)
    assert profile.beside_floor(profiles, floors).row_count == len(floor.PARTS)


COMPARED = (
    Comparison("a", "slow", 100, "another", "outcomes", 2, [1.0, 2.0, 4.0], [2.0, 3.0, 4.0]),
    Comparison("g", "alone", 100, seconds=[1.0]),
    Figure("e", "late", "s", [0.1, 0.2, 0.6], at_most=0.15),
)


def test_rates_are_told_as_medians_with_their_spread() -> None:
    slow = COMPARED[0].as_dict()
    assert slow["rate"] == {"median": 50, "min": 25, "max": 100}
    assert slow["ratio"] == pytest.approx(1.5)
    assert slow["pair_ratios"] == {"median": 1.5, "min": 1, "max": 2}
    assert [result.is_below_aim for result in COMPARED] == [True, False, True]


def test_the_table_says_what_misses_its_aim() -> None:
    told = io.StringIO()
    print_table(Console(file=told, width=200), COMPARED)
    for said in ("(a) slow", "another, without outcomes", "1.50 (1.00 to 2.00)"):
        assert said in told.getvalue()
    for said in ("at least 2: missed", "0.200 s (0.100 to 0.600)", "at most 0.15: missed"):
        assert said in told.getvalue()


def test_the_file_keeps_other_works_and_says_on_what_machine(
    small_lab: Lab, tmp_path: Path
) -> None:
    file = tmp_path / "there" / "bench.json"
    facts = machine(small_lab.url)
    write_results(file, "a", COMPARED[1:], facts)
    write_results(file, "g", COMPARED[1:], facts)
    write_results(file, "a", COMPARED[:1], facts)
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["a"]["postgresql"].startswith("18.")
    assert told["a"]["settings"]["fsync"] == told["a"]["settings"]["synchronous_commit"] == "on"
    assert told["a"]["settings"]["shared_buffers"] == "128MB"
    names = {work: [result["name"] for result in told[work]["results"]] for work in told}
    assert names == {"a": ["slow"], "g": ["alone", "late"]}
    assert told["a"]["results"][0]["seconds"] == [1.0, 2.0, 4.0]
    table = file.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [
        "| (a) slow",
        "| (g) alone",
        "| (e) late",
    ]
