"""Times as replies show them."""

from datetime import UTC, datetime, timedelta


def iso(moment: datetime) -> str:
    """The moment in UTC with milliseconds: `2026-05-08T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_day(moment: datetime) -> datetime:
    """When the day after begins, in UTC."""
    today = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)
