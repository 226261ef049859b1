"""Opens the transport that the settings name: named pipes, or a broker."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.core.errors import OfficeError
from pipeline.core.settings import Settings
from utils.jetstream import Broker, BrokerError
from utils.pipes import PipeError, Pipes

START_SECONDS = 60.0

Transport = Broker | Pipes


def open_transport(settings: Settings, name: str) -> Transport | None:
    """The pipes, or a connection to the broker; None if the settings name neither.

    Args:
        settings: the settings.
        name: what the broker calls the connection.

    Raises:
        BrokerError: the broker cannot be reached, or it refuses the login.
    """
    if settings.pipes:
        return Pipes(settings.pipes)
    if settings.broker_url is None:
        return None
    return Broker(
        settings.broker_url.get_secret_value(),
        name=name,
        password=settings.broker_password_text,
        ca=settings.broker_ca,
        seconds=START_SECONDS,
    )


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Turns an error of a transport into one for the user, which begins with what it means.

    Raises:
        OfficeError: the transport could not be used.
    """
    try:
        yield
    except BrokerError as error:
        raise OfficeError(f"{what}: {error}. See OFFICE_BROKER_URL.") from None
    except PipeError as error:
        raise OfficeError(f"{what}: {error}.") from None
