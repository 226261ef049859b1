"""The error that is meant for the person at the keyboard."""

import sys
from collections.abc import Callable
from typing import NoReturn


class OfficeError(Exception):
    """Something the user can mend: its text says what is wrong, where, and what to do, in one line.

    Entry points print the text without a traceback and exit with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_on_office_error(main: Callable[[], int]) -> NoReturn:
    """Runs an entry point and exits with its code; a user's error is one line, no traceback."""
    try:
        code = main()
    except OfficeError as error:
        sys.stderr.write(f"Error: {error}\n")
        code = error.exit_code
    sys.exit(code)
