"""What people would use instead: small programs under `peers/`, in environments of their own.

A peer gets a database and files, makes itself warm, does its work and prints how long that took:
neither the start of a process nor an import counts.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.lab import for_libpq
from benchmarks.lines import Lines
from pipeline.core.settings import PROJECT_FOLDER

PEERS: Final = Path(__file__).parent / "peers"
ENVIRONMENTS: Final = PROJECT_FOLDER / ".office" / "bench"

# Peers that would call home are told not to; all else they need is in the arguments.
SILENT: Final = {
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}


class PeerError(Exception):
    """A peer did not do its work."""


@dataclass(frozen=True)
class Peer:
    """Another way to come to the same final rows."""

    name: str
    script: str
    lacks: str
    """What it does not do, beside raw kept, outcomes, conflicts and rejects told apart."""
    environment: str | None = None
    """The requirements under `peers/` it runs with; None is the project's own environment."""
    options: tuple[str, ...] = ()
    schema: str = "public"
    """Where its final rows are."""


ALL: Final = "raw rows, outcomes, conflicts, rejects"
NOT_RAW: Final = "outcomes, conflicts, rejects"

NAIVE: Final = Peer("INSERT … ON CONFLICT; COMMIT per row", "naive.py", ALL)
PANDAS: Final = Peer("pandas to_sql, then merge", "pandas_merge.py", ALL)
DLT_DEFAULT: Final = Peer("dlt, default", "dlt_default.py", ALL, "dlt", schema="office")
DLT_DEFAULT_INDEX: Final = Peer(
    "dlt, default, unique index", "dlt_default.py", ALL, "dlt", ("--unique-index",), "office"
)
DLT_BEST: Final = Peer(
    "dlt, Arrow and ADBC", "dlt_arrow.py", f"{ALL}, keys", "dlt", schema="office"
)
DLT_BEST_INDEX: Final = Peer(
    "dlt, Arrow and ADBC, unique index",
    "dlt_arrow.py",
    ALL,
    "dlt",
    ("--unique-index",),
    "office",
)
DBT: Final = Peer(
    "COPY, then dbt incremental, raw emptied",
    "incremental_dbt.py",
    ALL,
    "dbt",
    ("--empty-raw",),
    "office",
)
DBT_KEPT: Final = Peer(
    "COPY, then dbt incremental, raw kept", "incremental_dbt.py", NOT_RAW, "dbt", schema="office"
)


def prepare(peer: Peer, say: Callable[[str], None]) -> None:
    """Makes the environment that a peer runs in, where it isn't there as required."""
    if peer.environment is None:
        return
    required = (PEERS / f"{peer.environment}.txt").read_bytes()
    folder = _folder(peer.environment)
    made = folder / "made"
    wanted = hashlib.sha256(required).hexdigest()
    if made.exists() and made.read_text() == wanted:
        return
    say(f"Making the environment of {peer.environment} in {folder} ...")
    _call([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    quiet = ["--disable-pip-version-check", "--no-deps"]
    _call([*pip, *quiet, "--requirement", str(PEERS / f"{peer.environment}.txt")])
    made.write_text(wanted)


def run(peer: Peer, url: str, lines: Lines, folder: Path) -> float:
    """Seconds that a peer takes to bring the lines to final rows in a database.

    Args:
        peer: who.
        url: its database, with the given tables.
        lines: its input.
        folder: where it may keep files; made.
    """
    return float(_ask(peer, url, lines, folder)["seconds"])


def versions() -> dict[str, str]:
    """What the peers' requirements say of the peers themselves."""
    lines = [
        line
        for environment in ("dlt", "dbt")
        for line in (PEERS / f"{environment}.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith(("dlt==", "dbt-core==", "dbt-postgres==", "adbc-driver-postgresql=="))
    ]
    return dict(line.split("==", 1) for line in lines)


def _ask(peer: Peer, url: str, lines: Lines, folder: Path) -> dict[str, float]:
    folder.mkdir()
    files = [f"--{stream}={file}" for stream, file in lines.files().items()]
    command = [
        str(_folder(peer.environment) / "bin" / "python") if peer.environment else sys.executable,
        str(PEERS / peer.script),
        f"--dsn={for_libpq(url)}",
        f"--url={url}",
        f"--folder={folder}",
        *files,
        *peer.options,
    ]
    told = _call(command, folder)
    answer: dict[str, float] = json.loads(told.splitlines()[-1])
    return answer


def _folder(environment: str) -> Path:
    return ENVIRONMENTS / f"venv-{environment}"


def _call(command: list[str], folder: Path | None = None) -> str:
    own = {"HOME": str(folder), "DLT_DATA_DIR": str(folder / "dlt")} if folder else {}
    done = subprocess.run(
        command,
        env={**os.environ, **SILENT, **own},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PeerError(f"{command[1]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
