"""Times that people type: a day or a moment, UTC where no zone is said."""

from datetime import UTC, datetime, time

from app.console.errors import BadForm


def typed(given: datetime) -> str:
    """The moment as a field shows it: a day alone if that is when it begins."""
    told = given.astimezone(UTC)
    is_day = told.time() == time()
    return told.date().isoformat() if is_day else told.isoformat().replace("+00:00", "Z")


def moment(written: str | None, *, name: str) -> datetime | None:
    """The moment of the field `name`, a day's first one if only a day is given; None if it was left empty.

    raises: BadForm
    """
    if not written:
        return None
    try:
        told = datetime.fromisoformat(written)
    except ValueError:
        raise BadForm(f"{name}: write a time as 2026-07-01 or 2026-07-01T12:00:00Z") from None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    if not 1970 < told.year < 9999:
        raise BadForm(f"{name}: a time is between the years 1971 and 9998")
    return told
