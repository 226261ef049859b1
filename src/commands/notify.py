"""`notify` shows who is told of troubles, and sends a test message."""

import sys

import click

from commands.common import SOMETHING_WRONG, USED_WRONGLY, as_json, chosen_settings, print_result
from pipeline.core.errors import OfficeError
from pipeline.core.logs import configure_logging
from pipeline.operations.notices import Message, Tone

TEST_MESSAGE = Message(
    title="Doctor's office: a test",
    text="This is a test message. Whoever reads it is told of troubles.",
    tone=Tone.TEST,
)


@click.command("notify")
@click.option("--test", "is_test", is_flag=True, help="Send each of them a test message.")
@as_json
def notify_command(*, is_test: bool, is_json: bool) -> None:
    """Show who is told of troubles; with --test, send a test message.

    OFFICE_NOTIFY_URLS names those who are told. Of each URL only the scheme and the host are shown.
    If somebody did not take the test message, the exit code is 1; if nobody is named, it is 2.

    Example: python src/office.py notify --test
    """
    from pipeline.operations.receivers import open_receivers  # noqa: PLC0415  (it takes long)

    configure_logging()
    urls = chosen_settings().notify_urls
    if urls is None:
        raise OfficeError(
            "Nobody is told of troubles: OFFICE_NOTIFY_URLS isn't set. It looks like "
            "mailto://user:password@example.org?to=somebody@example.org.",
            exit_code=USED_WRONGLY,
        )
    receivers = open_receivers(urls.get_secret_value())
    taken = {each.name: each.takes(TEST_MESSAGE) if is_test else None for each in receivers}
    print_result(taken, "\n".join(line(*each) for each in taken.items()), is_json=is_json)
    if False in taken.values():
        sys.exit(SOMETHING_WRONG)


def line(receiver: str, is_taken: bool | None) -> str:
    """A receiver, and whether it has taken the message."""
    if is_taken is None:
        return receiver
    return f"{receiver}: {'taken' if is_taken else 'not taken'}"
