"""The mutants fit the code as it is, and the runner tells a mutant that is caught from one not."""

from dataclasses import replace
from pathlib import Path

import pytest

from mutants.bugs import MUTANTS, Edit, Mutant
from mutants.run import (
    PROJECT,
    UNCHANGED,
    StaleMutantError,
    apply,
    copy_with,
    first_failure,
    judge,
    places,
)


def named(name: str) -> Mutant:
    return next(mutant for mutant in MUTANTS if mutant.name == name)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_replaces_is_there_once(mutant: Mutant) -> None:
    assert [(edit.file, edit.old) for edit in mutant.edits if places(edit) != 1] == []
    assert all(edit.old != edit.new for edit in mutant.edits)
    assert [test for test in mutant.tests if not (PROJECT / test.split("::")[0]).exists()] == []


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16


def test_a_mutant_that_no_longer_fits_fails_loudly(tmp_path: Path) -> None:
    for text in ("nothing", "old old"):
        (tmp_path / "file").write_text(text)
        with pytest.raises(StaleMutantError):
            apply(Edit("file", "old", "new"), tmp_path)


def test_a_mutant_is_caught_by_the_test_that_fails() -> None:
    verdict = judge(named("acknowledge early"))
    assert verdict.caught_by is not None
    assert verdict.caught_by.startswith("tests/unit/test_subscriber.py::")


def test_unchanged_code_is_not_caught() -> None:
    mutant = replace(UNCHANGED, tests=named("acknowledge early").tests)
    with copy_with(mutant) as project:
        assert first_failure(project, mutant.tests) is None


def test_tests_that_cannot_run_are_no_catch(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import no_such_module")
    with pytest.raises(RuntimeError):
        first_failure(tmp_path, ["test_broken.py"])
