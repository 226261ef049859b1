"""The errors of reading a file."""


class UnreadableError(Exception):
    """A file can't be read, or not any further. Its text says why, and holds nothing of the file.

    The text goes on from the file's name: "is encrypted: unpack it with its password first".
    """
