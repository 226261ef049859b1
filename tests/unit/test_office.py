"""The command line: what it offers, and how it tells of a mistake."""

from pathlib import Path

import click
import pytest

import office
from commands.demo import make_suites
from pipeline.audit.verify import mended_by
from pipeline.core.settings import PROJECT_FOLDER
from pipeline.core.statements import for_each_stream, statements_in

CONVERSING = {"run", "demo", "publish"}


def commands() -> dict[str, click.Command]:
    """Each command by the words that call it."""
    found: dict[str, click.Command] = {}
    for name, command in office.office.commands.items():
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": each for sub, each in command.commands.items()}
    return found


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["src/office.py", *arguments])
    return office.main()


def test_without_arguments_every_command_is_shown_in_its_section(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert call(monkeypatch) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    for section in office.SECTIONS:
        assert f"{section}:" in lines
    for name in office.office.commands:
        assert len([line for line in lines if line.startswith(f"  {name} ")]) == 1
    assert call(monkeypatch, "explain") == 0
    assert "..." not in shown.split("Options:")[1] + capsys.readouterr().out.split("Options:")[1]


@pytest.mark.parametrize("name", commands())
def test_every_command_has_an_example(name: str) -> None:
    text = commands()[name].help or ""
    assert f"python src/office.py {name.split(maxsplit=1)[0]}" in text.split("Example: ")[1]


@pytest.mark.parametrize("name", sorted({*commands()} - CONVERSING - {"explain"}))
def test_every_command_that_answers_answers_in_json_too(name: str) -> None:
    assert "--json" in {option for p in commands()[name].params for option in p.opts}


@pytest.mark.parametrize(
    ("name", "stream"),
    for_each_stream(statements_in("audit/verify") + statements_in("audit/verify_all")),
)
def test_every_promise_names_commands_that_there_are(name: str, stream: str | None) -> None:
    named = mended_by(name, stream)
    assert named
    for line in named:
        command, *options = line.split()
        commands()[command].make_context(command, options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["statsu"], "Did you mean 'status'?"),
        (["explain", "clam", "1"], "Did you mean 'claim'?"),
        (["explain", "claim", "-1"], "claim --help"),
        (["explain", "claim", "twelve"], "'twelve'"),
        (["explain", "window", "teatime"], "'teatime'"),
        (["load", "nowhere.jsonl", "--stream", "claim"], "nowhere.jsonl"),
        (["load", "-"], "--stream"),
        (["load", "-", "--stream", "claims"], "'claim', 'diagnose'"),
        (["verify", "--all", "--since", "2026-11-24"], "without --since"),
        (["replay", "--reason", "none"], "'unknown_patient'"),
        (["rebuild", "--batch-size", "0"], "--batch-size"),
        (["release", "2026-11-24T14:00", "--reason", " "], "--reason"),
        (["erased", "--reason", " "], "--reason"),
        (["erased", "twelve"], "'twelve'"),
        (["analytics", "--to", "teatime"], "--to"),
        (["run", "--fro", "5"], "--for"),
        (["status", "now"], "now"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(PROJECT_FOLDER)
    assert call(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("Error: ")
    assert told in line


def test_the_demo_differs_in_one_check_alone(tmp_path: Path) -> None:
    given = PROJECT_FOLDER / "expectations"
    make_suites(given, tmp_path)
    differing = [
        (old, new)
        for file in sorted(given.glob("*.json"))
        for old, new in zip(
            file.read_text().splitlines(),
            (tmp_path / file.name).read_text().splitlines(),
            strict=True,
        )
        if old != new
    ]
    assert differing == [('      "severity": "warning",', '      "severity": "critical",')]
