"""The story that is told to two databases has something of everything in it."""

from collections import Counter

import pytest

from integration.story import DAMAGES, facts, findings, tell
from pipeline.core.contract import REASONS
from pipeline.core.database import Database


@pytest.fixture(scope="module")
def told(shared_database_url: str) -> Database:
    database = Database(shared_database_url)
    list(tell(database))
    return database


def test_every_fate_is_in_it(told: Database) -> None:
    found = facts(told)
    fates = Counter((stream, fate) for _, stream, _, fate, *_ in found["fates"])
    assert len(fates) == 8
    assert min(fates.values()) > 5
    assert all(found.values()), [name for name, rows in found.items() if not rows]
    reasons = {reason for *_, reason, _, _ in found["fates"] if reason}
    assert set(REASONS) - reasons <= {"too_large", "bad_office", "unprocessable"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_found(told: Database, damage: str) -> None:
    assert bool(findings(told, DAMAGES[damage])) == (damage != "nothing")
