"""The error that is meant for the person at the keyboard."""


class OfficeError(Exception):
    """Something the user can mend: its text says what is wrong, where, and what to do, in one line.

    Entry points print the text without a traceback and exit with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
