"""Writes files that others may be reading."""

import os
from pathlib import Path


def replace_file(file: Path, content: str | bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    unfinished.replace(file)
