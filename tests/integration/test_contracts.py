"""The contracts for machines: fresh, and as the Open Data Contract Standard wants them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard import model

from integration.events import rows
from pipeline.core.contract import REASONS
from pipeline.core.database import Database
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.core.streams import STREAMS
from pipeline.report.contracts import Service, write_contracts

CONTRACTS = PROJECT_FOLDER / "contracts"
SCHEMA = Path(model.__file__).with_name("schema.json")
AS_DELIVERED = Service(every_seconds=2.0, keep_days=0)


def write(database: Database, folder: Path, service: Service = AS_DELIVERED) -> list[Path]:
    return database.run(
        lambda cursor: write_contracts(
            cursor, folder=folder, expectations=PROJECT_FOLDER / "expectations", service=service
        )
    )


def document(stream: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{stream}.odcs.yaml").read_text())
    return read


def faults(contract: dict[str, Any]) -> list[str]:
    """What the standard's own schema finds wrong."""
    schema = json.loads(SCHEMA.read_text())
    return [fault.message for fault in Draft201909Validator(schema).iter_errors(contract)]


def test_each_stream_has_a_fresh_contract(database: Database, tmp_path: Path) -> None:
    fresh = {file.name: file.read_text() for file in write(database, tmp_path)}
    kept = {file.name: file.read_text() for file in CONTRACTS.iterdir()}
    assert kept == fresh, "run: python src/office.py contracts"
    assert set(kept) == {f"{stream}.odcs.yaml" for stream in STREAMS}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_contract_keeps_the_standard(stream: str) -> None:
    contract = document(stream)
    assert contract["apiVersion"] == "v3.1.0"
    assert faults(contract) == []
    assert model.OpenDataContractStandard(**contract).schema_


def test_a_contract_that_breaks_the_standard_is_found() -> None:
    contract = document("claim")
    contract["schema"][0]["properties"][0]["logicalType"] = "bigint"
    del contract["status"]
    assert len(faults(contract)) >= 2


def test_a_contract_says_what_the_tables_and_the_rules_say(database: Database) -> None:
    contract = document("claim")
    [version] = rows(database, "SELECT staging.contract_version()::text")
    assert contract["version"] == version[0] == "2"
    [table] = contract["schema"]
    properties = {each["name"]: each for each in table["properties"]}
    assert {n: (p["logicalType"], p["physicalType"]) for n, p in properties.items()} == {
        "id": ("integer", "bigint"),
        "code": ("string", "text"),
        "price": ("number", "numeric(12,2)"),
        "patient_id": ("integer", "bigint"),
        "tsp": ("timestamp", "timestamp with time zone"),
    }
    assert [n for n, p in properties.items() if p.get("primaryKey")] == ["id"]
    assert all(p["required"] for p in properties.values())
    rules = {rule["name"]: rule for rule in table["quality"]}
    of_others = {r for s in STREAMS.values() if s.name != "claim" for r in s.reasons}
    assert rules.keys() >= set(REASONS) - of_others
    assert not rules.keys() & of_others
    assert "9,999,999,999.99" in rules["bad_price"]["description"]
    assert rows(database, rules["adds_up"]["query"]) == [(0,)]
    assert rules["Every price is 0 or more."]["severity"] == "critical"


def test_a_contract_says_how_long_raw_rows_stay(database: Database, tmp_path: Path) -> None:
    [file, _] = write(database, tmp_path, Service(every_seconds=0.5, keep_days=90))
    levels = {each["property"]: each for each in yaml.safe_load(file.read_text())["slaProperties"]}
    assert levels["frequency"]["value"] == 0.5
    assert (levels["retention"]["value"], levels["retention"]["unit"]) == (90, "d")
    kept = {each["property"]: each["value"] for each in document("claim")["slaProperties"]}
    assert kept == {"frequency": 2.0, "retention": "unlimited"}
