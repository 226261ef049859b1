from typing import Any

import pytest

from audit import verdict

SOUND = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "version": "2", "skip_reason": "not found"}
VULNERABLE = {"name": "c", "version": "3", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1"]}]}
UNMENDED = {"name": "d", "version": "4", "vulns": [{"id": "CVE-2", "fix_versions": []}]}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([], 0, "SKIPPED"),
        ([UNKNOWN, UNKNOWN], 0, "SKIPPED"),
        ([SOUND, UNKNOWN], 0, "1 of 2 packages looked up, 0 vulnerabilities."),
        ([SOUND, VULNERABLE], 1, "c 3: CVE-1, mended in 3.1"),
        ([UNMENDED], 1, "d 4: CVE-2, mended in no version yet"),
    ],
)
def test_an_audit_fails_where_a_vulnerability_is_known_and_says_where_it_could_not_look(
    packages: list[dict[str, Any]], code: int, said: str
) -> None:
    found_code, lines = verdict(packages)
    assert found_code == code
    assert said in "\n".join(lines)
