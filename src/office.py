"""The office's commands: `python src/office.py COMMAND`. `--help` lists them."""

import re
import sys

import click

from commands import (
    audit,
    contracts,
    data,
    demo,
    loading,
    notify,
    publish,
    repair,
    running,
    server,
)
from commands.common import STOPPED, USED_WRONGLY
from pipeline.core.errors import exit_on_office_error
from utils.pipeline_utils import interrupt_on_signals

# The commands as `--help` shows them.
SECTIONS = {
    "To see it at work": (running.run, demo.demo, running.status, notify.notify_command),
    "To bring data in and figures out": (
        loading.load_command,
        data.merge,
        data.analytics,
        data.report_command,
    ),
    "Past one machine": (publish.publish,),
    "To look closer": (audit.explain, audit.verify_command, audit.release_command),
    "To put things right": (repair.replay_command, repair.rebuild_command, audit.erased_command),
    "The database itself": (
        server.db,
        server.archive_command,
        server.migrate,
        contracts.contracts_command,
    ),
}


class _Office(click.Group):
    """The command group; its help shows the commands in sections."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes each section's name, and below it the commands with their summaries."""
        width = max(map(len, self.commands))
        for name, commands in SECTIONS.items():
            with formatter.section(name):
                limit = formatter.width - formatter.current_indent - width - 2
                rows = [(f"{c.name:{width}}", c.get_short_help_str(limit)) for c in commands]
                formatter.write_dl(rows)


@click.group(
    cls=_Office,
    invoke_without_command=True,
    epilog="Begin with: python src/office.py demo",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--demo", "is_demo", is_flag=True, help="Use the office that `demo` made.")
@click.pass_context
def office(context: click.Context, *, is_demo: bool) -> None:  # noqa: ARG001  (common.py reads it)
    """The doctor's office: from two streams of raw events to checked revenue per window.

    Commands use the database of DATABASE_URL, else of the PG* variables, else an embedded
    PostgreSQL 18, which they start and stop as needed. COMMAND --help explains a command.

    Exit codes: 0 done, 1 found something wrong, 2 used wrongly.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for section in SECTIONS.values():
    for command in section:
        office.add_command(command)


def main() -> int:
    """Runs the command line. An error in its use is reported in one line."""
    try:
        office(prog_name="python src/office.py", standalone_mode=False)
    except click.UsageError as error:
        sys.stderr.write(f"Error: {in_one_line(error)}\n")
        return USED_WRONGLY
    except click.Abort:
        sys.stderr.write("Stopped.\n")
        return STOPPED
    return 0


def in_one_line(error: click.UsageError) -> str:
    """The error in one line, with the command that shows the correct use."""
    message = re.sub(r"\s+", " ", error.format_message()).rstrip(".")
    where = error.ctx.command_path if error.ctx else "python src/office.py"
    return message if message.endswith("?") else f"{message}. See: {where} --help"


if __name__ == "__main__":
    interrupt_on_signals()
    exit_on_office_error(main)
