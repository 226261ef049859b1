"""A rule that the contract gets later leaves alone what was merged before it."""

import re
from typing import Final

import pytest

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
LAST_RULE: Final = "        WHEN f.tsp IS NULL THEN 'bad_tsp'\n"
DIGITS_ONLY: Final = "typed.code !~ '^[0-9]+$' THEN 'bad_code'\n"


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
