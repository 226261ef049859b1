"""The local time of a time zone: when its days and hours begin, and which moments its clocks show.

A local day is a stretch of moments: from the moment at which its midnight first comes, up to that
of the next day. Where the clocks skip midnight, it begins when they go forward. So each moment lies
in exactly one day, and a day of 23 or 25 hours is as long as it is. The database is asked for none
of this: it has a list of time zones of its own, which can be older or newer.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from pipeline.core.window import EARLIEST

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def local_time(moment: datetime, zone: tzinfo) -> datetime:
    """A moment as the clocks of a time zone show it; in UTC if that would be before the year 1."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def is_repeated(local: datetime) -> bool:
    """Whether the clocks show this local time twice, because they are set back meanwhile."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def day_start(day: date, zone: tzinfo) -> datetime:
    """The moment at which a local day begins, in UTC."""
    # What comes before the first day that Python knows counts as a part of it.
    return EARLIEST if day == date.min else datetime.combine(day, time.min, zone).astimezone(UTC)


def day_of(moment: datetime, zone: tzinfo) -> date:
    """The local day that a moment lies in."""
    shown = local_time(moment, zone).date()
    # Clocks that change around midnight can show the day before once more, or the next one early.
    if moment < day_start(shown, zone):
        return shown - DAY
    return shown + DAY if day_start(shown + DAY, zone) <= moment else shown


def days_between(first: datetime, last: datetime, zone: tzinfo) -> list[date]:
    """The local days from the one of a moment to the one of another."""
    since, until = day_of(first, zone), day_of(last, zone)
    return [since + number * DAY for number in range((until - since).days + 1)]


def hour_start(moment: datetime, zone: tzinfo) -> datetime:
    """The moment at which a local hour begins, in UTC.

    It begins at the full hour, or when the clocks change within it. An hour that comes twice counts
    as two.
    """
    local = local_time(moment, zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    start = moment.astimezone(UTC) - past
    while local_time(start, zone).utcoffset() != local.utcoffset():
        start += MINUTE
    return start


def moments_of(written: datetime, zone: tzinfo) -> list[datetime]:
    """The moments, in UTC, at which the clocks show a time.

    One; two if they are set back meanwhile; none if they are set forward across it.

    Args:
        written: without a time zone.
        zone: the time zone of the clocks.
    """
    both = {written.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(each for each in both if local_time(each, zone).replace(tzinfo=None) == written)
