"""The service's clock. What is held against another process's times goes by the database's clock instead."""

from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)

CLOCK_TOLERANCE = timedelta(seconds=1)
"""How far two looks at the database's clock may be apart the wrong way: another node answers, or it is being set."""

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""Nothing that is kept is older. A day after the first time that there is, so that something can be taken off it."""


class Clock:
    """Tells the time; tests put their own in its place."""

    _last = datetime(1, 1, 1, tzinfo=UTC)

    def tick(self) -> datetime:
        """Now, in UTC, and later than every tick before: what comes in one after the other has its order."""
        self._last = max(self.now(), self._last + MICROSECOND)
        return self._last

    def now(self) -> datetime:
        """Now, in UTC, cut to the milliseconds that the database keeps."""
        return cut(datetime.now(UTC))


def lasts(expire_time: datetime, length: timedelta, now: datetime) -> bool:
    """Whether what was given for `length` still lasts.

    What would last for longer than it was given for was given while the clock was ahead, and is over.
    """
    return now < expire_time <= now + length + CLOCK_TOLERANCE


def cut(time: datetime) -> datetime:
    """Cuts a time to whole milliseconds, so that what is answered is what was stored."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def older(time: datetime, age: timedelta) -> datetime:
    """The time that much before `time`; BEGINNING, where there is none."""
    return time - min(age, time - BEGINNING)


def just_before(time: datetime) -> datetime:
    """The last millisecond before `time`; of every time up to BEGINNING the one before that."""
    return max(time, BEGINNING) - MILLISECOND


def hour_of(time: datetime) -> datetime:
    """The full hour in which `time` lies."""
    return time.replace(minute=0, second=0, microsecond=0)


def day_of(time: datetime) -> datetime:
    """The day, UTC, in which `time` lies."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(time: datetime) -> datetime:
    """The first day, UTC, of the month in which `time` lies."""
    return day_of(time).replace(day=1)
