"""The service's clock. What is held against another process's times goes by the database's clock instead."""

from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Clock:
    """Tells the time; tests put their own in its place."""

    def now(self) -> datetime:
        """Now, in UTC, cut to the milliseconds that the database keeps."""
        return cut(datetime.now(UTC))


def cut(time: datetime) -> datetime:
    """Cuts a time to whole milliseconds, so that what is answered is what was stored."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def hour_of(time: datetime) -> datetime:
    """The full hour in which `time` lies."""
    return time.replace(minute=0, second=0, microsecond=0)


def day_of(time: datetime) -> datetime:
    """The day, UTC, in which `time` lies."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(time: datetime) -> datetime:
    """The first day, UTC, of the month in which `time` lies."""
    return day_of(time).replace(day=1)
