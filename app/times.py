"""Times as replies show them."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """The moment in UTC with milliseconds: `2026-05-08T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
