"""How times and amounts are written for people: in which time zone, and in which currency."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.core.local_time import is_repeated, local_time

# The length of a date and a time to the minute, in front of the offset.
MINUTE_WIDTH = len("2026-10-25T02:30")


@dataclass(frozen=True)
class Notation:
    """How the practice writes times and amounts.

    A local time that comes twice, because the clocks are set back, is written with its offset.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str | None = None
    """The code of ISO 4217."""

    @property
    def zone_name(self) -> str:
        """The name of the time zone."""
        return self.zone.key

    def minute(self, moment: datetime) -> str:
        """Date, hour and minute."""
        return self._written(moment, "%Y-%m-%d %H:%M")

    def second(self, moment: datetime) -> str:
        """Date and time to the second."""
        return self._written(moment, "%Y-%m-%d %H:%M:%S")

    def precise(self, moment: datetime) -> str:
        """Date and time to the microsecond, which can decide in which window an event lies."""
        local = local_time(moment, self.zone)
        fraction = f".{local:%f}".rstrip("0") if local.microsecond else ""
        return f"{local:%Y-%m-%d %H:%M:%S}{fraction}{_offset_if_needed(local)}"

    def clock(self, moment: datetime) -> str:
        """Hour and minute."""
        return self._written(moment, "%H:%M")

    def second_of_day(self, moment: datetime) -> str:
        """Hour, minute and second."""
        return self._written(moment, "%H:%M:%S")

    def time_of_day(self, moment: datetime) -> str:
        """Hour, minute, second and the short name of the time zone: `15:20:05 CET`."""
        return f"{local_time(moment, self.zone):%H:%M:%S %Z}"

    def clock_in_zone(self, moment: datetime) -> str:
        """Hour, minute and the short name of the time zone: `15:20 CET`."""
        return f"{local_time(moment, self.zone):%H:%M %Z}"

    def end(self, start: datetime, end: datetime) -> str:
        """The end of a stretch that begins at `start`, with its date if it lasts a day or more."""
        return self.minute(end) if end - start >= timedelta(days=1) else self.clock(end)

    def iso(self, moment: datetime) -> str:
        """A time with its offset, as the commands take it."""
        written = local_time(moment, self.zone).isoformat(timespec="minutes")
        return written.replace("+00:00", "Z")

    def money(self, amount: Decimal) -> str:
        """An amount with all its digits, whatever the currency: the database keeps two decimals."""
        return f"{amount:,.2f} {self.currency}" if self.currency else f"{amount:,.2f}"

    def _written(self, moment: datetime, form: str) -> str:
        local = local_time(moment, self.zone)
        return f"{local:{form}}{_offset_if_needed(local)}"


IN_UTC: Final = Notation()


def _offset_if_needed(local: datetime) -> str:
    return local.isoformat(timespec="minutes")[MINUTE_WIDTH:] if is_repeated(local) else ""
