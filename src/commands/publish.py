"""`publish`: the simulated office in a process of its own, which publishes into the broker."""

import logging
import sys
import time

import click

from commands.common import chosen_settings
from pipeline.core.errors import OfficeError
from pipeline.core.logs import configure_logging
from publisher import SIMULATED, Publisher
from utils.jetstream import Broker, BrokerError
from utils.pipeline_utils import stop_at_end_of_input, stop_on_signals

START_SECONDS = 60.0
STOP_SECONDS = 5.0

log = logging.getLogger("publisher")


@click.command()
def publish() -> None:
    """Publish claims and diagnoses into a broker.

    OFFICE_BROKER_URL names the broker; ingestors with the same setting receive the events. Ids
    start at the number of milliseconds since 1970, so that no run repeats the ids of an earlier
    one. With OFFICE_NUMBER, the events carry that office.

    Example: OFFICE_BROKER_URL=nats://localhost python src/office.py publish
    """
    settings = chosen_settings()
    if settings.broker_url is None:
        raise click.UsageError("There is nowhere to publish to: OFFICE_BROKER_URL isn't set")
    configure_logging()
    stop = stop_on_signals()
    if settings.stop_at_end_of_input:
        stop_at_end_of_input(stop)
    url = settings.broker_url.get_secret_value()
    try:
        broker = Broker(
            url,
            name="publisher",
            password=settings.broker_password_text,
            ca=settings.broker_ca,
            seconds=START_SECONDS,
        )
    except BrokerError as error:
        raise OfficeError(f"Nothing is published: {error}. See OFFICE_BROKER_URL.") from None
    first_id = time.time_ns() // 1_000_000
    publisher = Publisher(
        {stream: broker.sink(stream) for stream in SIMULATED},
        every_seconds=settings.publish_seconds,
        duplicate_share=settings.duplicate_share,
        first_ids=dict.fromkeys(SIMULATED, first_id),
        office=settings.number,
    )
    publisher.start()
    log.info("publishing")
    stop.wait()
    has_stopped = publisher.stop(STOP_SECONDS)
    broker.close()
    log.info("stopped")
    if not has_stopped:
        sys.exit(1)
