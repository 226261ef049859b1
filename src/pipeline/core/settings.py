"""The settings; the only module that reads the environment."""

import os
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.core.currencies import CURRENCIES
from pipeline.core.errors import OfficeError
from pipeline.core.notation import Notation
from pipeline.core.streams import STREAMS

MINUTES_OF_A_DAY = 24 * 60

PROJECT_FOLDER = Path(__file__).parents[3]


class Settings(BaseSettings):
    """The settings of all entry points. An environment variable overrides each."""

    model_config = SettingsConfigDict(env_prefix="OFFICE_", frozen=True, env_ignore_empty=True)

    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    pghost: str | None = Field(default=None, validation_alias="PGHOST")
    pgport: int | None = Field(default=None, validation_alias="PGPORT")
    pgdatabase: str | None = Field(default=None, validation_alias="PGDATABASE")
    pguser: str | None = Field(default=None, validation_alias="PGUSER")
    pgpassword: str | None = Field(default=None, validation_alias="PGPASSWORD")
    db_host: str | None = Field(default=None, validation_alias="DB_HOST")
    db_port: int | None = Field(default=None, validation_alias="DB_PORT")
    db_name: str | None = Field(default=None, validation_alias="DB_NAME")
    db_user: str | None = Field(default=None, validation_alias="DB_USER")
    db_pass: str | None = Field(default=None, validation_alias="DB_PASS")

    secrets: Path = Path("/run/secrets")
    """Folder with files that hold passwords, so that these need not be in the environment."""
    ingest_password: SecretStr | None = None
    """Password of the role that appends. If it is set, the ingestor appends as that role."""
    merge_password: SecretStr | None = None
    """Password that `office.py migrate` gives the role that merges."""
    analytics_password: SecretStr | None = None
    """Password that `office.py migrate` gives the role that computes and publishes."""
    auditor_password: SecretStr | None = None
    """Password that `office.py migrate` gives the role that reads the audit."""

    home: Path = PROJECT_FOLDER / ".office"
    """Where the embedded server, its log and the pages of `office.py run` are kept."""
    expectations: Path = PROJECT_FOLDER / "expectations"
    """Folder of the check suites."""
    reports: Path | None = None
    """Folder of the pages; by default `reports/` in `home`."""
    archive: Path | None = None
    """Folder of archived raw rows; by default `archive/` in `home`."""
    retention_days: int = Field(default=0, ge=0)
    """Days for which raw rows stay in the database; 0 keeps them there for ever."""
    reports_port: int = Field(default=8081, ge=0, le=65535)
    """Port on 127.0.0.1 at which `office.py run` serves the pages."""

    adminer_url: str | None = None
    """Address of Adminer, its login filled in, for links from the pages; without it, no links."""

    timezone: str = "UTC"
    """The time zone, by its IANA name, of the days, hours and times that people read and type."""
    currency: str | None = None
    """The currency of the amounts on the pages, by its code of ISO 4217; without it, none."""
    notify_urls: SecretStr | None = None
    """Apprise URLs of those who are told of troubles, with commas or white space between them. They
    hold secrets. Without them, nobody is told."""
    reports_url: str | None = None
    """Address of the pages in messages; by default that of `reports_port` on this machine."""

    ids: Literal["global", "per_office"] | None = None
    """`global`: ids are unique among all offices; `per_office`: only within one. Settled with the
    first merge. Without it the database decides, and begins with `global`."""
    window_minutes: int | None = Field(default=None, gt=0, le=MINUTES_OF_A_DAY)
    """Length of a window in minutes. Settled when the first window is published. Without it the
    database decides, and begins with 10."""
    shards: int | None = Field(default=None, gt=0)
    """Into how many parts `office.py migrate` cuts a table when it spreads it over a cluster; by
    default two per worker."""
    number: int | None = Field(default=None, ge=0, le=92_000)
    """The office in simulated events. Without it they carry none, or 0 if ids are per office."""
    pipes: Mapping[str, Path] = {}
    """The named pipe of each stream, of CLAIM_PIPE_NAME and so on. Without pipes and broker the
    ingestor publishes events itself."""
    broker_url: SecretStr | None = None
    """The broker of the events, as `nats://user:password@host:4222` or `tls://…`."""
    broker_password: SecretStr | None = None
    """Password for the broker, if its URL names a user and no password."""
    broker_ca: Path | None = None
    """File of the certificate authority of the broker, if it is not one of the system's."""

    publish_seconds: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """Seconds between two events of a stream."""
    duplicate_share: float = Field(default=0.1, ge=0, le=1, allow_inf_nan=False)
    """Share of the events that repeat an earlier one."""
    merge_seconds: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """The longest wait for a merge, in seconds. What the ingestor itself appends is merged at once;
    what others append waits that long at most."""
    sweep_seconds: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    """Seconds between two searches for raw rows without an outcome."""
    analytics_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds between two analytics runs, from midnight UTC on; by default a window's length."""
    analytics_grace_seconds: float = Field(default=5.0, ge=0, allow_inf_nan=False)
    """Seconds that an analytics run waits after the end of a window."""
    batch_size: int = Field(default=100_000, gt=0)
    """The most raw rows that one batch of the merge takes, give or take one transaction."""
    merge_statement_seconds: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """Seconds that a statement of a batch may take. If it takes longer, fewer rows are tried."""

    metrics_address: str = "127.0.0.1"
    """Address at which each process serves its metrics and its health."""
    metrics_port: int = Field(default=9101, ge=0, lt=65535)
    """Port of the ingestor's metrics; analytics has the next one. 0 serves none."""

    stop_at_end_of_input: bool = False
    """Stop when standard input ends, so that a process ends together with its parent."""

    @field_validator("db_port", mode="before")
    @classmethod
    def _is_not_a_link(cls, port: object) -> object:
        """Kubernetes sets DB_PORT=tcp://… beside a service that is called db. It isn't for us."""
        return None if str(port).startswith("tcp://") else port

    @field_validator("broker_url")
    @classmethod
    def _names_a_broker(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_broker_url(url.get_secret_value()):
            raise ValueError(
                "it looks like nats://user:password@host:4222, or nats://user@host:4222 with the "
                "password in OFFICE_BROKER_PASSWORD"
            )
        return url

    @field_validator("window_minutes")
    @classmethod
    def _divides_a_day(cls, minutes: int | None) -> int | None:
        if minutes is not None and MINUTES_OF_A_DAY % minutes:
            raise ValueError(
                "a day must be a whole number of windows, such as 10, 15 or 60 minutes"
            )
        return minutes

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, name: str) -> str:
        # This list holds the zones alone; the files that Python would read hold more than those.
        known = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
        if name not in known:
            raise ValueError("it must be the IANA name of a time zone, such as Europe/Berlin")
        return name

    @field_validator("currency")
    @classmethod
    def _is_a_currency(cls, code: str | None) -> str | None:
        if code is not None and code not in CURRENCIES:
            raise ValueError("it must be the ISO 4217 code of a currency in use, such as EUR")
        return code

    @property
    def notation(self) -> Notation:
        """How times and amounts are written for people."""
        return Notation(zone=ZoneInfo(self.timezone), currency=self.currency)

    def analytics_period(self, window_length: timedelta) -> timedelta:
        """The time between two analytics runs.

        Args:
            window_length: as it is settled in the database.
        """
        if self.analytics_seconds is None:
            return window_length
        return timedelta(seconds=self.analytics_seconds)

    @property
    def patience(self) -> timedelta | None:
        """How long a closed window may wait for an analytics run: two periods.

        None where a period is a window's length, which only the database knows.
        """
        if self.analytics_seconds is None:
            return None
        return timedelta(seconds=2 * self.analytics_seconds)

    @property
    def reports_folder(self) -> Path:
        """Where the pages are built."""
        return self.reports or self.home / "reports"

    @property
    def pages_url(self) -> str:
        """The address of the pages, for messages."""
        return self.reports_url or f"http://localhost:{self.reports_port}/"

    @property
    def archive_folder(self) -> Path:
        """Where raw rows are archived."""
        return self.archive or self.home / "archive"

    @property
    def analytics_metrics_port(self) -> int:
        """The port of analytics' metrics and health; 0 serves none."""
        return self.metrics_port + 1 if self.metrics_port else 0

    @property
    def role_passwords(self) -> dict[str, str]:
        """The passwords that are set, by role."""
        passwords = {
            "ingest": self.ingest_password,
            "merge": self.merge_password,
            "analytics": self.analytics_password,
            "auditor": self.auditor_password,
        }
        return {
            role: password.get_secret_value() for role, password in passwords.items() if password
        }

    @property
    def broker_password_text(self) -> str | None:
        """The password for the broker, if it is set."""
        return self.broker_password.get_secret_value() if self.broker_password else None

    def database_is_named(self) -> bool:
        """Whether the environment says which database to use."""
        parts = self._database_parts
        return bool(self.database_url or parts.get("host") or parts.get("dbname"))

    def database_dsn(self, *, host: str, port: int, dbname: str, user: str, password: str) -> str:
        """The connection string: DATABASE_URL, or the other variables over the given defaults."""
        if self.database_url:
            return _checked_dsn(self.database_url)
        given = {"host": host, "port": port, "dbname": dbname, "user": user, "password": password}
        return make_dsn(None, **(given | self._database_parts))

    @property
    def _database_parts(self) -> dict[str, Any]:
        """What the PG* variables say of the database; if none is set, what the DB_* variables say.

        They are never mixed, so that no password goes to a server that it isn't meant for.
        """
        names = ("host", "port", "dbname", "user", "password")
        pg = (self.pghost, self.pgport, self.pgdatabase, self.pguser, self.pgpassword)
        db = (self.db_host, self.db_port, self.db_name, self.db_user, self.db_pass)
        values = pg if any(pg) else db
        return {name: value for name, value in zip(names, values, strict=True) if value}


def _is_broker_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the error's text would show a part of the URL
        return False


def _checked_dsn(dsn: str) -> str:
    try:
        parse_dsn(dsn)
    except ProgrammingError:
        raise OfficeError(
            "DATABASE_URL is no connection string; "
            "it looks like postgresql://user:password@host:5432/doctor_office.",
            exit_code=2,
        ) from None
    return dsn


def load_settings() -> Settings:
    """Reads the environment and, for variables that are not set, files of the secrets folder.

    A file has the name of the variable that it stands for.

    Raises:
        OfficeError: a variable has a value that is not allowed, or two contradict each other.
    """
    settings = _read_settings()
    _require_one_transport(settings)
    return settings


def pipe_variable(stream: str) -> str:
    """The variable that names the pipe of a stream."""
    return f"{stream.upper()}_PIPE_NAME"


def _read_settings() -> Settings:
    pipes = {stream: os.environ.get(pipe_variable(stream)) for stream in STREAMS}
    named = {stream: Path(path) for stream, path in pipes.items() if path}
    try:
        from_environment = Settings(pipes=named)
        if not from_environment.secrets.is_dir():
            return from_environment
        return Settings(pipes=named, _secrets_dir=from_environment.secrets)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        is_whole = name == "DATABASE_URL" or name.startswith(("PG", "DB_"))
        name = name if is_whole else f"OFFICE_{name}"
        reason = first["msg"].removeprefix("Value error, ")
        raise OfficeError(
            f"The environment variable {name} can't be used: {reason}.", exit_code=2
        ) from None


def _require_one_transport(settings: Settings) -> None:
    """Refuses pipes for some of the streams, one pipe for two, and pipes beside a broker."""
    if not settings.pipes:
        return
    missing = [pipe_variable(stream) for stream in STREAMS if stream not in settings.pipes]
    names = " and ".join(map(pipe_variable, settings.pipes))
    if missing:
        reason = f"{names} is set and {' and '.join(missing)} is not: set all or none"
    elif len(set(settings.pipes.values())) < len(settings.pipes):
        reason = f"{names} are the same: each stream has a pipe of its own"
    elif settings.broker_url:
        reason = (
            f"{names} are set, and so is OFFICE_BROKER_URL: "
            "events come from pipes or from a broker, so unset one of them"
        )
    else:
        return
    raise OfficeError(f"{reason}.", exit_code=2)
