"""Who puts something on the record."""

import os
import pwd


def user_of_machine() -> str:
    """The name of the machine's user, or its number if it has no name."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
