"""`publish`: the simulated office in a process of its own, which publishes to ingestors."""

import logging
import sys
import time
from contextlib import closing

import click

from commands.common import chosen_settings
from pipeline.core.logs import configure_logging
from pipeline.core.settings import Settings
from pipeline.schema.offices import PER_OFFICE
from publisher import SIMULATED, Publisher
from utils.pipeline_utils import stop_at_end_of_input, stop_on_signals

STOP_SECONDS = 5.0

log = logging.getLogger("publisher")


@click.command()
def publish() -> None:
    """Publish claims and diagnoses into named pipes or a broker.

    CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME name the pipes, which it makes; OFFICE_BROKER_URL names
    the broker. Ingestors with the same settings receive the events. Ids start at the number of
    milliseconds since 1970, so that no run repeats the ids of an earlier one. With OFFICE_NUMBER,
    the events carry that office.

    Example: OFFICE_BROKER_URL=nats://localhost python src/office.py publish
    """
    # Only this command needs the broker's library, which takes a while to import.
    from transport import open_transport, saying  # noqa: PLC0415

    settings = chosen_settings()
    configure_logging()
    stop = stop_on_signals()
    if settings.stop_at_end_of_input:
        stop_at_end_of_input(stop)
    with saying("Nothing is published"):
        transport = open_transport(settings, "publisher")
        if transport is None:
            raise click.UsageError(
                "There is nowhere to publish to: neither CLAIM_PIPE_NAME and DIAGNOSE_PIPE_NAME "
                "nor OFFICE_BROKER_URL is set"
            )
        sinks = {stream: transport.sink(stream) for stream in SIMULATED}
    first_id = time.time_ns() // 1_000_000
    with closing(transport):
        publisher = Publisher(
            sinks,
            every_seconds=settings.publish_seconds,
            duplicate_share=settings.duplicate_share,
            first_ids=dict.fromkeys(SIMULATED, first_id),
            office=number_in_events(settings),
        )
        publisher.start()
        log.info("publishing")
        stop.wait()
        has_stopped = publisher.stop(STOP_SECONDS)
    log.info("stopped")
    if not has_stopped:
        sys.exit(1)


def number_in_events(settings: Settings) -> int | None:
    """The office that the events carry: the chosen one, or else 0 if ids are per office."""
    return 0 if settings.number is None and settings.ids == PER_OFFICE else settings.number
