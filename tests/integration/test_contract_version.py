"""A rule that the contract gets later leaves alone what was merged before it."""

import re
from typing import Final

import pytest
from psycopg2.errors import CheckViolation

from generators import FIELDS, object_text
from integration.events import claim, fates, rows, stage_and_merge
from pipeline.audit.rebuild import rebuild
from pipeline.audit.verify import verify
from pipeline.core.database import Database
from pipeline.core.errors import OfficeError
from pipeline.core.statements import statement

VERSION: Final = statement("schema/repeatable/145_contract_version")
CONTRACT: Final = statement("schema/repeatable/150_claim_contract")
[KNOWN] = map(int, re.findall(r"SELECT (\d+)", VERSION))
NEXT: Final = KNOWN + 1
RULE: Final = '"write icd10_code as the table diagnose has it, such as R41.3"'
LAST_RULE: Final = "        WHEN f.tsp IS NULL THEN 'bad_tsp'\n"
DIGITS_ONLY: Final = "f.code !~ '^[0-9]+$' THEN 'bad_code'\n"


def change(database: Database, *statements: str) -> None:
    with database.transaction() as cursor:
        for each in statements:
            cursor.execute(each)


def with_rule(rule: str) -> str:
    assert LAST_RULE in CONTRACT
    return CONTRACT.replace(LAST_RULE, f"{LAST_RULE}        WHEN {rule}")


def raise_contract(database: Database, rule: str) -> None:
    """What a new version of the project brings: a rule, and the contract's next version."""
    change(database, VERSION.replace(f"SELECT {KNOWN}", f"SELECT {NEXT}"), with_rule(rule))


def differences(database: Database) -> list[tuple[str, str, int]]:
    found = rebuild(database, batch_size=100, is_applied=False)
    return [(each.relation, each.kind, each.rows) for each in found.differences]


def broken(database: Database) -> list[str]:
    return [promise.name for promise in database.run(verify, snapshot=True) if not promise.holds]


def test_a_batch_records_the_contract_that_judged_it(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1))
    raise_contract(database, f"contract >= {NEXT} AND {DIGITS_ONLY}")
    stage_and_merge(database, "claim", claim(2))
    recorded = rows(database, "SELECT contract FROM staging.merge_run ORDER BY run_id")
    assert recorded == [(KNOWN,), (NEXT,)]


def test_a_later_rule_holds_for_later_rows_only(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, code="X1"), claim(2))
    raise_contract(database, f"contract >= {NEXT} AND {DIGITS_ONLY}")
    stage_and_merge(database, "claim", claim(3, code="X1"), claim(4))
    assert fates(database) == ["merged", "merged", "rejected", "merged"]
    assert rows(database, "SELECT id FROM claim ORDER BY id") == [(1,), (2,), (4,)]
    assert differences(database) == []
    assert broken(database) == []


def test_a_rebuild_gives_back_a_row_that_the_later_rule_would_refuse(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, code="X1"))
    raise_contract(database, f"contract >= {NEXT} AND {DIGITS_ONLY}")
    change(database, "DELETE FROM claim")
    rebuild(database, batch_size=100, is_applied=True)
    assert rows(database, "SELECT id, code FROM claim") == [(1, "X1")]


def test_a_rule_without_its_version_would_call_older_rows_wrong(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1, code="X1"))
    raise_contract(database, DIGITS_ONLY)
    assert ("claim", "surplus", 1) in differences(database)


def test_batches_of_a_newer_contract_are_not_judged(database: Database) -> None:
    stage_and_merge(database, "claim", claim(1))
    change(database, f"UPDATE staging.merge_run SET contract = {NEXT}")
    with pytest.raises(OfficeError, match=f"contract {NEXT}.*knows the contract up to {KNOWN}"):
        rebuild(database, batch_size=100, is_applied=True)
    assert rows(database, "SELECT id FROM claim") == [(1,)]


# --- the first contract, which judged the rows of older databases ---

FIRST: Final = VERSION.replace(f"SELECT {KNOWN}", "SELECT 1")
ROUNDED: Final = "2026-05-04T12:09:59.9999999Z"
CLAIMS: Final = {
    object_text({**FIELDS["claim"], "id": "1", "tsp": f'"{ROUNDED}"'}): ("merged", "merged"),
    object_text({**FIELDS["claim"], "id": "2", "code": '"99213 "'}): ("merged", "merged"),
    object_text({**FIELDS["claim"], "id": "2", "code": '"99213"'}): ("conflict", "duplicate"),
    object_text({**FIELDS["claim"], "id": "3", "code": '" "'}): ("merged", "rejected"),
    object_text({**FIELDS["claim"], "id": "4", "tsp": "null"}): ("rejected", "merged"),
    object_text({**FIELDS["claim"], "id": "5", "x": '{"k": 1, "k": 2}'}): ("rejected", "merged"),
}
DIAGNOSES: Final = {
    object_text({**FIELDS["diagnose"], "id": "1", "icd10_code": code}): fates
    for code, fates in {
        '"Q00.ZZZZ"': ("merged", "rejected"),
        '"R41.3G"': ("conflict", "merged"),
        '"R41.3"': ("conflict", "duplicate"),
        '"r41.3"': ("rejected", "duplicate"),
    }.items()
}


def merge_all(database: Database) -> None:
    stage_and_merge(database, "claim", *(payload.encode() for payload in CLAIMS))
    stage_and_merge(database, "diagnose", *(payload.encode() for payload in DIAGNOSES))


def all_fates(database: Database) -> list[str]:
    return [fate for (fate,) in rows(database, "SELECT fate FROM staging.outcome ORDER BY seq")]


def seen(database: Database) -> list[list[tuple[object, ...]]]:
    return [rows(database, f"SELECT * FROM {table} ORDER BY id") for table in ("claim", "diagnose")]


def test_what_the_first_contract_judged_stays_as_it_is(database: Database) -> None:
    change(database, FIRST)
    merge_all(database)
    change(database, VERSION)
    fates_then = [then for then, _ in [*CLAIMS.values(), *DIAGNOSES.values()]]
    assert all_fates(database) == fates_then
    assert rows(database, "SELECT tsp = '2026-05-04 12:10Z' FROM claim WHERE id = 1") == [(True,)]
    assert differences(database) == []
    assert broken(database) == []
    before = seen(database)
    change(database, "DELETE FROM claim", "DELETE FROM diagnose")
    rebuild(database, batch_size=100, is_applied=True)
    assert seen(database) == before


def test_the_second_contract_judges_otherwise(database: Database) -> None:
    merge_all(database)
    fates_now = [now for _, now in [*CLAIMS.values(), *DIAGNOSES.values()]]
    assert all_fates(database) == fates_now
    assert rows(database, "SELECT tsp = '2026-05-04 12:09:59.999999Z' FROM claim WHERE id = 1") == [
        (True,)
    ]
    assert rows(database, "SELECT icd10_code FROM diagnose") == [("R41.3",)]
    assert differences(database) == []
    assert broken(database) == []


@pytest.mark.parametrize("stream", ["claim", "diagnose"])
def test_the_merge_leaves_out_what_the_first_contract_says(database: Database, stream: str) -> None:
    plan = rows(database, f"EXPLAIN (VERBOSE) SELECT * FROM staging.{stream}_contract")
    text = "\n".join(line for (line,) in plan)
    assert "staging.has_unique_keys" in text
    assert "[0-9A-Z]{1,4}" not in text


def test_conflicts_are_shown_as_the_merge_compared_them(database: Database) -> None:
    fields = FIELDS["diagnose"]
    payloads = [
        object_text(fields),
        object_text({**fields, "icd10_code": '"r413 G"', "patient_id": "4"}),
    ]
    stage_and_merge(database, "diagnose", *(payload.encode() for payload in payloads))
    differing = "SELECT differing_fields, clean_values, conflicting_values FROM audit.conflicts"
    assert rows(database, differing) == [("patient_id", "3", "4")]


# --- codes that are tracked ---


@pytest.mark.parametrize("code", ["R413", "r41.3", "R41.3G", " R41.3", "amnesia", "Q00.ZZZZ"])
def test_a_tracked_code_that_no_diagnosis_can_have_is_refused(
    database: Database, code: str
) -> None:
    with pytest.raises(CheckViolation, match="write icd10_code as the table diagnose has it"):
        change(database, f"INSERT INTO analytics.tracked_diagnosis VALUES ('{code}', 'Amnesia')")


def test_codes_that_were_tracked_before_get_their_normal_form(database: Database) -> None:
    change(
        database,
        f"ALTER TABLE analytics.tracked_diagnosis DROP CONSTRAINT {RULE}",
        "INSERT INTO analytics.tracked_diagnosis VALUES ('i10', 'Hypertension')",
        "INSERT INTO analytics.backfilled_diagnosis VALUES ('i10', 'Hypertension')",
        "INSERT INTO analytics.tracked_diagnosis VALUES ('J449', 'Asthma'), ('flu', 'Flu')",
        statement("schema/repeatable/141_tracked_diagnosis"),
    )
    counted = "SELECT icd10_code, is_tracked, is_backfilled FROM analytics.counted_diagnosis"
    # The next analytics run takes I10 in instead of i10.
    assert sorted(rows(database, counted)) == [
        ("I10", True, False),
        ("J44.9", True, False),
        ("J449", True, False),
        ("R41.3", True, False),
        ("flu", True, False),
        ("i10", False, True),
    ]
