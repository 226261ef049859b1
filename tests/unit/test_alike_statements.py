"""What serves several streams is one template: no two SQL files say the same of two streams."""

import re
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import pytest

from pipeline.core.render import write_rendered
from pipeline.core.statements import PLAIN, SQL_FOLDER, TEMPLATE, statement
from pipeline.core.streams import STREAMS

# Beyond this share of equal lines, two files are one statement. The contracts of two streams, which
# differ by their rules, have 0.84 in common.
ALIKE = 0.9

COMMENT = re.compile(r"--.*")
STREAM = re.compile(rf"(?<![a-z])({'|'.join(STREAMS)})(?![a-z])")
ALIAS = re.compile(r"\b[a-z]\.|\bAS [a-z]\b")
COLUMNS = {name for stream in STREAMS.values() for name in stream.column_names}
COLUMN = re.compile(rf"\b(first_)?({'|'.join(sorted(COLUMNS))})\b")

Files = dict[str, str]


def alike(files: Files) -> list[tuple[str, str]]:
    """The pairs of files that differ by a stream's name and columns alone."""
    skeletons = {name: skeleton(text) for name, text in files.items()}
    return [pair for pair in combinations(sorted(skeletons), 2) if are_alike(pair, skeletons)]


def skeleton(text: str) -> list[str]:
    """The lines without comments, names of streams, aliases, and without those about columns."""
    bare = ALIAS.sub("", STREAM.sub("<stream>", COMMENT.sub("", text)))
    return [line.strip() for line in bare.splitlines() if line.strip() and not COLUMN.search(line)]


def are_alike(pair: tuple[str, str], skeletons: dict[str, list[str]]) -> bool:
    one, other = (skeletons[name] for name in pair)
    return bool(one) and SequenceMatcher(None, one, other, autojunk=False).ratio() > ALIKE


def sql_files() -> Files:
    texts = texts_in(SQL_FOLDER)
    return {name: text for name, text in texts.items() if name.endswith((PLAIN, TEMPLATE))}


def test_no_two_files_are_alike_but_for_a_stream() -> None:
    files = sql_files()
    assert {"merge/merge_rows/020_judge_rows.sql.jinja", "merge/open_run.sql"} <= files.keys()
    assert alike(files) == []


@pytest.mark.parametrize(
    "name",
    ["merge/merge_rows/020_judge_rows", "audit/verify/050_equals_raw", "audit/explain/clean_row"],
)
def test_a_planted_pair_is_reported(name: str) -> None:
    pair = {f"{name}_{stream}": statement(name, stream) for stream in ("claim", "diagnose")}
    assert alike(sql_files() | pair) == [tuple(pair)]


def test_the_rule_that_tells_a_duplicate_from_a_conflict_stands_once() -> None:
    rule = re.compile(r"\bTHEN 'duplicate'\s+ELSE 'conflict'")
    found = [name for name, text in texts_in(SQL_FOLDER).items() if rule.search(text)]
    assert found == ["merge/fate.jinja"]


def test_what_is_rendered_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "of_before.sql").touch()
    write_rendered(tmp_path)
    written = texts_in(tmp_path)
    judging = "merge/merge_rows/020_judge_rows"
    assert written[f"{judging}.claim.sql"] == statement(judging, "claim")
    assert written["audit/rebuild/analyze.sql"] == statement("audit/rebuild/analyze")
    assert not {"of_before.sql", "merge/open_run.sql"} & written.keys()
    assert [name for name, text in written.items() if re.search(r"\{[{%#]", text)] == []


def texts_in(folder: Path) -> Files:
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file()
    }
