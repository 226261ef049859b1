"""What docker-compose.yml must not lose: hardened containers, and services with few privileges."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.settings import Settings
from pipeline.operations.embedded_broker import MAX_PAYLOAD

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yml").read_text()
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
BROKER_CONF = PROJECT / "setup" / "broker.conf"
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_a_read_only_file_system_and_no_capability(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def runs_as_root(name: str) -> bool:
    """Our own image names its user; an image of others is told one."""
    if "build" not in SERVICES[name]:
        return SERVICES[name].get("user") not in ("postgres", "65534:65534", "10001")
    users = [line for line in DOCKERFILE.splitlines() if line.startswith("USER")]
    return users != ["USER office"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_runs_as_root(name: str) -> None:
    assert not runs_as_root(name)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    ports: list[str] = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_owner_s_password_is_known_to_the_server_and_to_the_schema_alone() -> None:
    knowing = {
        name for name, service in SERVICES.items() if "dataeng" in str(service.get("environment"))
    }
    assert knowing == {"db", "schema"}


@pytest.mark.parametrize(
    ("name", "port"),
    [("ingestor", Settings().metrics_port), ("analytics", Settings().analytics_metrics_port)],
)
def test_a_service_is_looked_after_by_what_it_says_of_its_health(name: str, port: int) -> None:
    service = SERVICES[name]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"'http://127.0.0.1:{port}/healthz'" in service["healthcheck"]["test"][-1]
    assert service["environment"]["OFFICE_METRICS_ADDRESS"] == "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in SERVICES[name]])
def test_what_a_service_logs_does_not_fill_the_disk(name: str) -> None:
    assert SERVICES[name]["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_images_are_pinned_to_a_release_and_can_be_pinned_to_a_digest() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert images == {
        "doctor-office",
        "${POSTGRES_IMAGE:-postgres:18}",
        "${ADMINER_IMAGE:-adminer:4}",
        "${NATS_IMAGE:-nats:2}",
    }
    assert SERVICES["ingestor"]["build"]["args"]["PYTHON_IMAGE"] == (
        "${PYTHON_IMAGE:-python:3.11-slim}"
    )


def test_past_one_machine_is_a_profile_of_its_own() -> None:
    beyond = {name for name, service in SERVICES.items() if service.get("profiles") == ["scale"]}
    assert beyond == {"nats", "shared-ingestor"}
    assert SERVICES["shared-ingestor"]["deploy"]["replicas"] > 1
    assert SERVICES["shared-ingestor"]["ports"] == []


LOGIN = {
    "OFFICE_BROKER_URL": "nats://office@nats:4222",
    "OFFICE_BROKER_PASSWORD": "${OFFICE_BROKER_PASSWORD:-best}",
}
TRANSPORT = {
    "CLAIM_PIPE_NAME": "${CLAIM_PIPE_NAME-/pipes/claim}",
    "DIAGNOSE_PIPE_NAME": "${DIAGNOSE_PIPE_NAME-/pipes/diagnose}",
    "OFFICE_BROKER_URL": "${OFFICE_BROKER_URL:-}",
    "OFFICE_BROKER_PASSWORD": "${OFFICE_BROKER_PASSWORD:-best}",
}


def test_the_five_services_of_the_exercise_start_by_default() -> None:
    default = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert default == {"db", "adminer", "publisher", "ingestor", "analytics", "schema", "reports"}


def test_publisher_and_ingestor_share_the_pipes_and_the_publisher_is_told_of_nothing_else() -> None:
    publisher, ingestor = SERVICES["publisher"], SERVICES["ingestor"]
    numbers = {"OFFICE_IDS": "${OFFICE_IDS:-}", "OFFICE_NUMBER": "${OFFICE_NUMBER:-}"}
    assert publisher["environment"] == TRANSPORT | numbers
    assert ingestor["environment"].items() >= TRANSPORT.items()
    assert publisher["volumes"] == ingestor["volumes"] == ["office-pipes:/pipes"]
    assert "mkdir -m 700 /archive /streams /pipes && chown office" in DOCKERFILE
    # Compose stops who depends on another first.
    assert publisher["depends_on"] == {"ingestor": {"condition": "service_started"}}


def test_who_shares_a_broker_is_told_of_it_and_of_no_pipe() -> None:
    shared = SERVICES["shared-ingestor"]
    no_pipes = {"CLAIM_PIPE_NAME": "", "DIAGNOSE_PIPE_NAME": ""}
    assert shared["environment"].items() >= (LOGIN | no_pipes).items()
    assert shared["volumes"] == []
    assert SERVICES["nats"]["command"][-2:] == ["--pass", LOGIN["OFFICE_BROKER_PASSWORD"]]


def test_each_password_is_one_variable_and_stands_in_no_url() -> None:
    values = re.findall(r"\$\{(OFFICE_[A-Z]+_PASSWORD):-(\w*)\}", TEXT)
    assert Counter(values) == {
        (f"OFFICE_{owner}_PASSWORD", "best"): 1
        for owner in ("BROKER", "OWNER", "INGEST", "MERGE", "ANALYTICS", "AUDITOR")
    }
    environments = [service.get("environment", {}) for service in SERVICES.values()]
    settings = [item for environment in environments for item in environment.items()]
    assert {value for name, value in settings if name.endswith("PASSWORD")} == {
        f"${{{name}:-{default}}}" for name, default in values
    }
    assert not [value for name, value in settings if "PASSWORD:-" in value and "URL" in name]


def test_the_composed_broker_takes_what_the_embedded_one_takes() -> None:
    [line] = re.findall(r"^max_payload: (\d+)$", BROKER_CONF.read_text(), re.MULTILINE)
    assert int(line) == MAX_PAYLOAD
    nats = SERVICES["nats"]
    mounted = "./setup/broker.conf:/broker.conf:ro"
    assert mounted in nats["volumes"]
    assert nats["command"][:2] == ["--config", "/broker.conf"]


def test_the_broker_s_volume_belongs_to_its_user() -> None:
    assert f"--uid {SERVICES['nats']['user']} " in DOCKERFILE
    assert "office-streams:/streams" in SERVICES["nats"]["volumes"]
    assert "office-streams:/streams" in SERVICES["schema"]["volumes"]
    assert "/streams" in DOCKERFILE


def test_the_practice_s_clock_and_money_reach_whoever_writes_for_people() -> None:
    wanted = {
        "OFFICE_TIMEZONE": "${OFFICE_TIMEZONE:-}",
        "OFFICE_CURRENCY": "${OFFICE_CURRENCY:-}",
    }
    for name in ("schema", "ingestor", "analytics"):
        assert SERVICES[name]["environment"].items() >= wanted.items()


def test_pages_are_served_from_the_first_second_by_a_server_that_lists_no_folder() -> None:
    assert SERVICES["reports"]["command"] == ["python", "src/reports.py"]
    assert SERVICES["reports"]["depends_on"] == []
