"""What can be set from outside."""

from datetime import timedelta

import pytest
from psycopg2.extensions import parse_dsn

from integration.passwords import PASSWORDS
from pipeline.core.errors import OfficeError
from pipeline.core.settings import load_settings

QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize("minutes", ["7", "0", "-10", "2880", "ten", "1.5"])
def test_a_day_is_a_whole_number_of_windows(minutes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_WINDOW_MINUTES", minutes)
    with pytest.raises(OfficeError, match="OFFICE_WINDOW_MINUTES can't be used: ") as refused:
        load_settings()
    assert refused.value.exit_code == 2


def test_analytics_runs_once_a_window_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OFFICE_ANALYTICS_SECONDS", raising=False)
    settings = load_settings()
    assert settings.analytics_period(QUARTER) == QUARTER
    assert settings.patience is None
    monkeypatch.setenv("OFFICE_ANALYTICS_SECONDS", "60")
    settings = load_settings()
    assert settings.analytics_period(QUARTER) == timedelta(seconds=60)
    assert settings.patience == timedelta(seconds=120)


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_password_stands_in_the_environment(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", password)
    monkeypatch.setenv("OFFICE_BROKER_PASSWORD", password)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = load_settings()
    dsn = settings.database_dsn(host="db", port=5432, dbname="office", user="me", password="best")
    assert parse_dsn(dsn)["password"] == password
    assert settings.broker_password_text == password


@pytest.mark.parametrize("url", ["nats://office:a/b#c@host:4222", "nats://office:[x@host"])
def test_a_broker_url_with_a_raw_password_names_the_other_way(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICE_BROKER_URL", url)
    with pytest.raises(OfficeError, match="password in OFFICE_BROKER_PASSWORD") as refused:
        load_settings()
    assert "a/b" not in str(refused.value)
