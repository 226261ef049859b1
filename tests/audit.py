"""Looks up the locked packages among the known vulnerabilities: `make audit`.

Exit codes: 0 none known, or the list of vulnerabilities was out of reach (which is said); 1 some.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = Path(__file__).parents[1]


def audit(lock: Path) -> list[dict[str, Any]]:
    """What is known of each package of a lock file; nothing where the audit itself failed."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    done = subprocess.run(
        [*command, "--format=json", "--progress-spinner=off", "--timeout=10", f"-r={lock}"],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []
    return packages


def verdict(packages: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and what to say."""
    looked_up = [package for package in packages if "skip_reason" not in package]
    if not looked_up:
        return 0, ["SKIPPED: the list of known vulnerabilities is out of reach; nothing audited."]
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, "
        f"mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in looked_up
        for vulnerability in package["vulns"]
    ]
    said = [
        f"{len(looked_up)} of {len(packages)} packages looked up, {len(found)} vulnerabilities."
    ]
    return int(bool(found)), [*sorted(set(found)), *said]


def main() -> int:
    """Audits every lock file."""
    code, lines = verdict([package for lock in LOCKS for package in audit(PROJECT / lock)])
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
