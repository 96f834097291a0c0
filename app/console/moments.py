"""Times that people type: a day or a moment, UTC where no zone is said."""

from datetime import UTC, datetime

from app.console.errors import BadForm


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
