import pytest

from pipeline.core.errors import OfficeError, exit_on_office_error


def end(error: Exception | None) -> int:
    def main() -> int:
        if error is not None:
            raise error
        return 0

    with pytest.raises(SystemExit) as ended:
        exit_on_office_error(main)
    return int(str(ended.value.code))


def test_a_user_s_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(OfficeError("Mend it.", exit_code=2)) == 2
    assert capsys.readouterr().err == "Error: Mend it.\n"


def test_of_an_unforeseen_error_kind_and_place_are_told_and_no_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert end(ValueError("Key (id)=(4711) of Ada Castro")) == 1
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "test_errors.py" in said
    assert "4711" not in said
    assert "Ada" not in said


def test_the_exit_code_is_that_of_the_entry_point() -> None:
    assert end(None) == 0
