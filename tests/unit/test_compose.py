"""What docker-compose.yml must not lose: hardened containers, and services with few privileges."""

from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
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
        return SERVICES[name].get("user") not in ("postgres", "65534:65534")
    users = [
        line
        for line in (PROJECT / "Dockerfile").read_text().splitlines()
        if line.startswith("USER")
    ]
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


def test_images_are_pinned_to_a_release_and_can_be_pinned_to_a_digest() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert images == {
        "doctor-office",
        "${POSTGRES_IMAGE:-postgres:18}",
        "${ADMINER_IMAGE:-adminer:4}",
    }
    assert SERVICES["ingestor"]["build"]["args"]["PYTHON_IMAGE"] == (
        "${PYTHON_IMAGE:-python:3.11-slim}"
    )
