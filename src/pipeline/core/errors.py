"""The error that the user can do something about."""

import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


class OfficeError(Exception):
    """An error that the user can fix. Its text says what is wrong, where, and what to do.

    Entry points print the text without a traceback and exit with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_on_office_error(main: Callable[[], int]) -> NoReturn:
    """Runs an entry point and exits with its code; a user's error is one line, no traceback.

    Of any other error it prints the class and the place. Its text is left out: it can hold values.
    """
    try:
        code = main()
    except OfficeError as error:
        sys.stderr.write(f"Error: {error}\n")
        code = error.exit_code
    except Exception as error:  # noqa: BLE001  (whatever it is, its text is not to be shown)
        places = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{places}Error: {type(error).__name__}, which is not foreseen here.\n")
        code = 1
    sys.exit(code)
