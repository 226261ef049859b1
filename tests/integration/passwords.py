"""Passwords that a URL, a connection string, a shell or a configuration file could misread."""

from typing import Final

PASSWORDS: Final = (
    "a/b#c?d%e@f:g",
    "100%41 [x] $HOME ${HOME} $$",
    """it's "quoted" \\ and `ticked`""",
    "-dash = and & plus+",
    "Pa\u00dfwort \u4f60\u597d",
    "{curly},;",
)
