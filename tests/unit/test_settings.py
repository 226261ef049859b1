"""What can be set from outside."""

from datetime import timedelta
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from integration.passwords import PASSWORDS
from pipeline.core.errors import OfficeError
from pipeline.core.notation import IN_UTC
from pipeline.core.settings import load_settings

QUARTER = timedelta(minutes=15)
DEFAULTS = {"host": "db", "port": "5432", "dbname": "office", "user": "me", "password": "best"}
# As the practice's programs are told.
PRACTICE = {
    "DB_HOST": "practice",
    "DB_PORT": "6543",
    "DB_NAME": "doctor_office",
    "DB_USER": "dataeng",
    "DB_PASS": "it's best",
}
PRACTICE_PARTS = {
    "host": "practice",
    "port": "6543",
    "dbname": "doctor_office",
    "user": "dataeng",
    "password": "it's best",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", *PRACTICE)
    for name in (*names, "CLAIM_PIPE_NAME", "DIAGNOSE_PIPE_NAME", "OFFICE_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)


def parts() -> dict[str, str]:
    """The parts of the connection string, by the settings of the environment."""
    dsn = load_settings().database_dsn(
        host="db", port=5432, dbname="office", user="me", password="best"
    )
    return dict(parse_dsn(dsn))


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
    assert parts()["password"] == password
    assert load_settings().broker_password_text == password


@pytest.mark.parametrize("url", ["nats://office:a/b#c@host:4222", "nats://office:[x@host"])
def test_a_broker_url_with_a_raw_password_names_the_other_way(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICE_BROKER_URL", url)
    with pytest.raises(OfficeError, match="password in OFFICE_BROKER_PASSWORD") as refused:
        load_settings()
    assert "a/b" not in str(refused.value)


def test_the_practice_s_variables_name_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings().database_is_named()
    assert parts() == DEFAULTS
    for name, value in PRACTICE.items():
        monkeypatch.setenv(name, value)
    assert load_settings().database_is_named()
    assert parts() == PRACTICE_PARTS
    monkeypatch.delenv("DB_PORT")
    assert parts() == PRACTICE_PARTS | {"port": "5432"}


@pytest.mark.parametrize(
    ("variable", "part"),
    [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGDATABASE", "dbname"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
    ],
)
def test_the_practice_s_variables_are_mixed_with_no_others(
    variable: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PRACTICE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(variable, "7654")
    assert parts() == DEFAULTS | {part: "7654"}
    assert load_settings().database_is_named() == (part in {"host", "dbname"})
    monkeypatch.setenv("DATABASE_URL", "postgresql://you@elsewhere:1234/other")
    assert parts() == {"host": "elsewhere", "port": "1234", "dbname": "other", "user": "you"}


def test_the_port_that_kubernetes_sets_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "tcp://10.0.0.11:5432")
    assert parts() == DEFAULTS
    monkeypatch.setenv("DB_PORT", "five")
    with pytest.raises(OfficeError, match="variable DB_PORT can't be used: "):
        load_settings()


def test_pipes_are_named_for_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().pipes == {}
    monkeypatch.setenv("CLAIM_PIPE_NAME", "/pipes/claim")
    monkeypatch.setenv("DIAGNOSE_PIPE_NAME", "pipes/diagnose")
    pipes = load_settings().pipes
    assert pipes == {"claim": Path("/pipes/claim"), "diagnose": Path("pipes/diagnose")}
    monkeypatch.setenv("CLAIM_PIPE_NAME", "")
    monkeypatch.setenv("DIAGNOSE_PIPE_NAME", "")
    assert load_settings().pipes == {}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"CLAIM_PIPE_NAME": "/pipes/claim"},
            "CLAIM_PIPE_NAME is set and DIAGNOSE_PIPE_NAME is not: set all or none.",
        ),
        (
            {"CLAIM_PIPE_NAME": "", "DIAGNOSE_PIPE_NAME": "/pipes/diagnose"},
            "DIAGNOSE_PIPE_NAME is set and CLAIM_PIPE_NAME is not: set all or none.",
        ),
        (
            {"CLAIM_PIPE_NAME": "/pipes/it", "DIAGNOSE_PIPE_NAME": "/pipes/it"},
            (
                "CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME are the same: "
                "each stream has a pipe of its own."
            ),
        ),
        (
            {
                "CLAIM_PIPE_NAME": "/pipes/claim",
                "DIAGNOSE_PIPE_NAME": "/pipes/diagnose",
                "OFFICE_BROKER_URL": "nats://localhost",
            },
            (
                "CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME are set, and so is OFFICE_BROKER_URL: "
                "events come from pipes or from a broker, so unset one of them."
            ),
        ),
    ],
)
def test_pipes_that_cannot_be_meant_are_refused(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OfficeError) as refused:
        load_settings()
    assert (str(refused.value), refused.value.exit_code) == (told, 2)


def test_the_urls_of_receivers_can_be_in_a_file_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICE_SECRETS", str(tmp_path))
    monkeypatch.setenv("OFFICE_NOTIFY_URLS", "")
    assert load_settings().notify_urls is None
    (tmp_path / "OFFICE_NOTIFY_URLS").write_text("json://user:s3cret@host/\njson://other/\n")
    settings = load_settings()
    assert settings.notify_urls is not None
    assert settings.notify_urls.get_secret_value() == "json://user:s3cret@host/\njson://other/"
    assert "s3cret" not in repr(settings)


def test_messages_name_the_address_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_REPORTS_PORT", "9000")
    assert load_settings().pages_url == "http://localhost:9000/"
    monkeypatch.setenv("OFFICE_REPORTS_URL", "https://pages.example/")
    assert load_settings().pages_url == "https://pages.example/"


@pytest.mark.parametrize(
    "name",
    ["Berlin", "europe/berlin", "Europe", "../etc/passwd", "/etc/localtime", "localtime", "CEST"],
)
def test_an_unknown_time_zone_is_refused_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICE_TIMEZONE", name)
    with pytest.raises(OfficeError) as refused:
        load_settings()
    assert str(refused.value) == (
        "The environment variable OFFICE_TIMEZONE can't be used: "
        "it must be the IANA name of a time zone, such as Europe/Berlin."
    )
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("code", ["eur", "EURO", "€", "XXX", "DEM"])
def test_an_unknown_currency_is_refused_in_one_line(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICE_CURRENCY", code)
    with pytest.raises(OfficeError, match=r"OFFICE_CURRENCY can't be used: .* such as EUR\.$"):
        load_settings()


def test_times_are_utc_and_amounts_plain_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OFFICE_TIMEZONE", "")
    monkeypatch.setenv("OFFICE_CURRENCY", "")
    assert load_settings().notation == IN_UTC
    monkeypatch.setenv("OFFICE_TIMEZONE", "Asia/Kolkata")
    monkeypatch.setenv("OFFICE_CURRENCY", "INR")
    notation = load_settings().notation
    assert (notation.zone_name, notation.currency) == ("Asia/Kolkata", "INR")
