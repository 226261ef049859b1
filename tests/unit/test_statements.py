"""A text of several commands is taken apart where the server would, and nothing gets lost."""

import re

import pytest

from pipeline.core.statements import all_statements, commands_in, statement

SCHEMA = [
    name
    for name in all_statements()
    if re.match(r"schema/(baseline|migrations|repeatable)/|citus/\d", name)
]
# A command begins with one of these, and a half of one would not.
BEGINNING = re.compile(
    r"(\s|--.*\n)*(ALTER|COMMENT|CREATE|DELETE|DO|DROP|GRANT|INSERT|REVOKE|TRUNCATE|UPDATE)\s"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;\n", ["SELECT 1;", " SELECT 2;"]),
        ("-- a; b\nSELECT 1;\n-- c;\n", ["-- a; b\nSELECT 1;"]),
        ("SELECT 1 /* ;\n; */;;", ["SELECT 1 /* ;\n; */;"]),
        ("SELECT ';--', 'it''s;';SELECT 2", ["SELECT ';--', 'it''s;';", "SELECT 2"]),
        (r"SELECT E'\';'; SELECT ';\';", [r"SELECT E'\';';", r" SELECT ';\';"]),
        ('SELECT 1 AS ";";', ['SELECT 1 AS ";";']),
        (
            "DO $$ BEGIN x('$'); END $$; DO $a$;$$;$a$",
            ["DO $$ BEGIN x('$'); END $$;", " DO $a$;$$;$a$"],
        ),
        ("SELECT a$b$; SELECT c$b$", ["SELECT a$b$;", " SELECT c$b$"]),
        (" \n; -- nothing\n", []),
    ],
)
def test_a_text_is_taken_apart_at_the_ends_of_commands(text: str, expected: list[str]) -> None:
    assert list(commands_in(text)) == expected


@pytest.mark.parametrize("name", SCHEMA)
def test_the_commands_of_a_schema_file_are_the_file(name: str) -> None:
    text = statement(name)
    found = list(commands_in(text))
    rest = text
    for command in found:
        assert BEGINNING.match(command), command
        assert command.endswith(";")
        before, _, rest = rest.partition(command)
        assert not before.strip()
    assert not re.sub(r"--.*", "", rest).strip()
    assert len(found) == len(re.findall(r";$", without_bodies(text), re.MULTILINE))


def without_bodies(text: str) -> str:
    """Without comments and the bodies of functions."""
    return re.sub(r"(\$\w*\$).*?\1", "", re.sub(r"--.*", "", text), flags=re.DOTALL)


def test_no_schema_file_says_what_is_not_told_apart() -> None:
    assert not [name for name in SCHEMA if re.search(r"BEGIN\s+ATOMIC|/\*", statement(name))]
