"""What a person does about broken data: verify, replay, rebuild."""

import json
import re
from typing import Any

from e2e.lines import claim, diagnose, file_of
from e2e.processes import Office, Result
from e2e.queries import execute, fetch, published

NOON = "2026-05-04T12:01:00Z"


def succeed(result: Result) -> str:
    """What a command printed, which has to have gone well and quietly."""
    assert (result.code, result.err) == (0, "")
    return result.out


def given(office: Office) -> None:
    """Two claims, a repeat, two rejected, a diagnosis; merged and published."""
    claims = [
        claim(1, 1, 10, tsp=NOON),
        claim(1, 1, 10, tsp=NOON),
        claim(2, 1, 20, tsp=NOON),
        claim(3, 5000, 30, tsp=NOON),
        b"oops",
    ]
    succeed(office.command("load", "-", "--stream", "claim", given=file_of(claims)))
    diagnoses = file_of([diagnose(1, 1, "R41.3", tsp=NOON), diagnose(2, 5000, "J44.9", tsp=NOON)])
    succeed(office.command("load", "-", "--stream", "diagnose", given=diagnoses))
    succeed(office.command("analytics"))


def broken(result: Result) -> set[str]:
    assert (result.code, result.err) == (1, "")
    promises: list[dict[str, Any]] = json.loads(result.out)
    return {promise["name"] for promise in promises if promise["rows_at_fault"]}


def test_a_missing_patients_rows_are_replayed(office: Office, database_url: str) -> None:
    given(office)
    assert published(database_url)[0] == ("12:00", "Amnesia", "30.00", 2, 1)
    execute(database_url, "INSERT INTO patient VALUES (5000, 'A', 'B', '1980-01-01')")

    replayed = json.loads(
        succeed(office.command("replay", "--reason", "unknown_patient", "--json"))
    )
    assert replayed == [
        {"stream": "claim", "reason": "unknown_patient", "rows": 1},
        {"stream": "diagnose", "reason": "unknown_patient", "rows": 1},
    ]
    assert succeed(office.command("replay", "--reason", "unknown_patient")) == (
        "0 raw rows are pending again.\n"
    )
    pending = "SELECT seq FROM audit.raw_vs_clean WHERE fate = 'pending' ORDER BY seq"
    assert fetch(database_url, pending) == [(4,), (7,)]
    succeed(office.command("verify", "--all"))

    done = succeed(office.command("merge"))
    assert done == "merged 2, duplicate 0, conflict 0, rejected 0.\n"
    succeed(office.command("analytics"))
    assert published(database_url) == [
        ("12:00", "Amnesia", "30.00", 2, 1),
        ("12:00", "Asthma", "30.00", 1, 1),
    ]
    succeed(office.command("verify", "--all"))
    assert succeed(office.command("replay")) == (
        "claim: 1 rejected as not_json\n1 raw rows are pending again.\n"
    )


def test_a_damaged_clean_layer_is_found_and_rebuilt(office: Office, database_url: str) -> None:
    given(office)
    found = succeed(office.command("rebuild"))
    assert found == "7 outcomes rebuilt: nothing differs.\n"
    before = fetch(database_url, "SELECT * FROM claim ORDER BY id")
    execute(
        database_url,
        """
        DELETE FROM claim WHERE id = 1;
        UPDATE claim SET price = 25 WHERE id = 2;
        INSERT INTO claim VALUES (9, 'A', 1, 1, now());
        DELETE FROM staging.outcome WHERE seq = 2
        """,
    )
    assert broken(office.command("verify", "--json")) == {
        "030_claim_is_merged_once",
        "050_claim_equals_raw",
        "068_batch_counts_its_outcomes",
        "070_window_is_accounted_for",
        "080_revenue_equals_recompute",
    }
    differs = office.command("rebuild", "--batch-size", "2")
    assert (differs.code, differs.err) == (1, "")
    assert differs.out == (
        "claim: 1 changed (2)\nclaim: 1 missing (1)\nclaim: 1 surplus (9)\n"
        "outcome: 1 missing (2)\n"
        "7 outcomes rebuilt: there are differences.\n"
        "To mend them: python src/office.py rebuild --apply\n"
    )
    applied = json.loads(succeed(office.command("rebuild", "--apply", "--json")))
    assert (applied["is_applied"], applied["marked_windows"]) == (True, 2)
    assert len(applied["differences"]) == 4

    assert fetch(database_url, "SELECT * FROM claim ORDER BY id") == before
    succeed(office.command("rebuild", "--apply"))
    succeed(office.command("analytics"))
    succeed(office.command("verify", "--all"))


def test_raw_rows_that_are_gone_are_listed_and_recorded_as_erased(
    office: Office, database_url: str
) -> None:
    given(office)
    assert succeed(office.command("erased")) == (
        "No raw row is gone without a record of its erasure.\n"
    )
    execute(database_url, "DELETE FROM staging.event WHERE seq IN (3, 5)")
    assert broken(office.command("verify", "--json")) == {
        "010_reconciliation",
        "020_outcome_has_raw_row",
    }
    listed = office.command("erased")
    assert (listed.code, listed.err) == (1, "")
    assert re.findall(r"^raw row .+, received", listed.out, re.MULTILINE) == [
        "raw row 3: claim 2, merged, received",
        "raw row 5: claim, rejected, received",
    ]
    [three] = json.loads(office.command("erased", "3", "--json").out)["examples"]
    assert (three["seq"], three["can_be_recorded"]) == (3, True)
    refused = office.command("rebuild", "--apply")
    assert (refused.code, refused.out) == (1, "")
    assert "office.py erased" in refused.err

    why = ("--reason", "  Case 7,\n says  <the practice>. ")
    done = json.loads(succeed(office.command("erased", "3", *why, "--json")))
    assert (done["rows"], done["left_rows"]) == (1, 0)
    assert done["reason"] == "Case 7, says <the practice>."
    told = succeed(office.command("erased", *why))
    assert told.startswith("Raw rows recorded as erased: 1.\n  On the record: Case 7, says")
    again = office.command("erased", *why)
    assert (again.code, again.out) == (1, "")
    assert "No raw row is gone" in again.err
    assert "The raw row was erased: Case 7" in succeed(office.command("explain", "claim", "2"))
    succeed(office.command("verify", "--all"))
    assert succeed(office.command("rebuild", "--apply")) == (
        "7 outcomes rebuilt: nothing differs.\n"
    )


def test_a_damaged_figure_is_mended_by_the_commands_that_verify_names(
    office: Office, database_url: str
) -> None:
    given(office)
    before = published(database_url)
    execute(database_url, "UPDATE analytics.revenue_by_diagnosis SET revenue = 1 WHERE claims > 0")
    found = office.command("verify")
    assert found.code == 1
    named = re.findall(r"python src/office\.py (.*)", found.out)
    assert named == ["rebuild --apply", "analytics"]

    differs = office.command("rebuild")
    assert differs.code == 1
    assert differs.out.startswith("window: 1 changed (2026-05-04 12:00)\n")
    for command in named:
        succeed(office.command(*command.split()))
    assert published(database_url) == before
    succeed(office.command("verify", "--all"))


def test_a_category_that_is_dropped_is_gone_from_the_figures_and_pages(
    office: Office, database_url: str
) -> None:
    given(office)
    execute(database_url, "DELETE FROM analytics.tracked_diagnosis WHERE category = 'Asthma'")
    succeed(office.command("verify", "--all"))
    succeed(office.command("analytics"))
    assert {category for _, category, *_ in published(database_url)} == {"Amnesia"}
    reports = office.home / "reports"
    pages = [*reports.glob("*.html"), *reports.glob("days/*.html")]
    assert len(pages) > 2
    assert [page.name for page in pages if "Asthma" in page.read_text()] == []
    succeed(office.command("verify", "--all"))


def test_verify_keeps_to_the_slice_it_is_given(office: Office, database_url: str) -> None:
    given(office)
    execute(database_url, "UPDATE staging.merge_cursor SET merged = 9")
    succeed(office.command("verify"))
    succeed(office.command("verify", "--since", "2020-01-01"))
    assert broken(office.command("verify", "--all", "--json")) == {"010_cursor_counts_its_outcomes"}
    execute(database_url, "DELETE FROM claim WHERE id > (SELECT min(id) FROM claim)")
    succeed(office.command("verify", "--since", "2200-01-01"))
    assert office.command("verify").code == 1


def test_a_closed_window_may_wait_for_two_cycles(office: Office, database_url: str) -> None:
    given(office)
    execute(
        database_url,
        "INSERT INTO analytics.dirty_window (window_start, marked_at) "
        "VALUES ('2026-05-04 12:00Z', now() - interval '10 minutes')",
    )
    succeed(office.command("verify"))
    late = office.command("verify", "--json", OFFICE_ANALYTICS_SECONDS="60")
    assert broken(late) == {"090_no_window_is_overdue"}


def test_what_is_used_wrongly_is_said(office: Office) -> None:
    for arguments, told in [
        (("replay", "--reason", "bad_luck"), "'unknown_patient'"),
        (("rebuild", "--batch-size", "0"), "--batch-size"),
        (("verify", "--since", "noon"), "--since"),
        (("verify", "--all", "--since", "2026-01-01"), "--all"),
    ]:
        result = office.command(*arguments)
        assert (result.code, result.out) == (2, "")
        assert told in result.err


def test_a_terminal_sees_how_far_it_is(office: Office) -> None:
    given(office)
    for arguments, shown in [(("verify", "--all"), "Verifying"), (("rebuild",), "Rebuilding")]:
        terminal = office.start_in_terminal(*arguments)
        assert terminal.wait() == 0
        assert shown in terminal.text()
        assert re.search(r"\d+ of \d+", terminal.text())
