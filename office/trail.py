"""The audit trail: what people did and what the service did by itself, in one list, the newest first.

What people did stands in the audit log, what the service did in the tables of what it did it to. The list is
the view `audit_trail`, read from each of its parts as far as one page needs.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlmodel import Session, text

from office.errors import OfficeError

SOURCES: Final = (
    *("alarms", "exceptions", "exceptions closed", "freezes", "grants", "inbox", "operators"),
    *("reconciliations", "refunds", "reversals", "thaws"),
)
"""Where the parts of the trail are kept, in order of name."""
Whose = Literal["people", "service"]
OUTCOMES: Final = ("done", "asked", "failed", "refused")
PAGE: Final = 50
UNDER_WAY_FOR: Final = timedelta(minutes=15)
"""What was asked for may take so long to end."""
# Both rows of an action are of one moment.
NEVER_ENDED: Final = """
    NOT EXISTS (
        SELECT FROM audit_log AS ended
        WHERE ended.actor = told.actor AND ended.at = told.at AND ended.action = told.action
            AND ended.outcome <> 'asked'
    )
"""
"""Of rows `told` that say that something was asked for: nothing says how it ended."""
_COLUMNS: Final = (
    "source, id, at, actor, via, role, action, about_kind, about_id, outcome, reason, before, after"
)
_FILTERS: Final = {
    "actor": "actor = :actor",
    "action": "action = :action",
    "about_kind": "about_kind = :about_kind",
    "about_id": "about_id = :about_id",
    "outcome": "outcome = :outcome",
    "begins_at": "at >= :begins_at",
    "ends_at": "at < :ends_at",
    "unanswered_at": (
        f"source = 'operators' AND outcome = 'asked' AND at < :unanswered_at AND {NEVER_ENDED}"
    ),
}


class BadPlace(OfficeError):
    """What was given as the place in the list is none."""

    code = "BAD_CURSOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; None is any. A period is from `begins_at` until before `ends_at`.

    `unanswered_at`: only what was asked for before that moment, and nobody knows how it ended.
    """

    actor: str | None = None
    action: str | None = None
    about_kind: str | None = None
    about_id: str | None = None
    outcome: str | None = None
    whose: Whose | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    unanswered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An entry's place: moments from new to old, then sources from A to Z, then ids from Z to A."""

    at: datetime
    source: str
    id: str

    @classmethod
    def parse(cls, written: str) -> "Place":
        """The place that `str` wrote.

        raises: BadPlace
        """
        try:
            at, source, number = json.loads(base64.urlsafe_b64decode(written.encode()))
            place = cls(datetime.fromisoformat(at), str(source), str(number))
        except (ValueError, TypeError, binascii.Error):
            raise BadPlace("a cursor is what the page before has told as its next") from None
        if place.at.tzinfo is None or not f"{place.source}{place.id}".isprintable():
            raise BadPlace("a cursor is what the page before has told as its next")
        return place

    def __str__(self) -> str:
        told = json.dumps([self.at.astimezone(UTC).isoformat(), self.source, self.id])
        return base64.urlsafe_b64encode(told.encode()).decode()


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done. `source` and `id` name the row that keeps it."""

    source: str
    id: str
    at: datetime
    actor: str
    via: str
    role: str | None
    action: str
    about_kind: str
    about_id: str
    outcome: str
    reason: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the trail; `next` is the place that the next one begins after."""

    entries: Sequence[Entry]
    next: str | None


def page(session: Session, wanted: Wanted, *, after: Place | None = None, most: int = PAGE) -> Page:
    """The newest entries that are wanted, beginning after a place."""
    query, given = asked(wanted, after=after, most=most + 1)
    rows = session.connection().execute(text(query), given).all()
    entries = [Entry(*row) for row in rows[:most]]
    last = entries[-1] if len(rows) > most else None
    return Page(entries, str(Place(last.at, last.source, last.id)) if last else None)


def asked(wanted: Wanted, *, after: Place | None, most: int) -> tuple[str, dict[str, object]]:
    """The query of one page, and what it is given."""
    given: dict[str, object] = {
        name: getattr(wanted, name) for name in _FILTERS if getattr(wanted, name) is not None
    }
    filters = [_FILTERS[name] for name in given]
    if wanted.whose is not None:
        # Parts that a person never stands in are left out by the planner.
        filters.append("via <> 'service'" if wanted.whose == "people" else "via = 'service'")
    parts = [_part(source, filters, after) for source in SOURCES]
    if after is not None:
        given |= {"place_at": after.at, "place_id": after.id}
    query = f"{' UNION ALL '.join(parts)} ORDER BY at DESC, source, id DESC LIMIT :most"
    return query, {**given, "most": most}


def _part(source: str, filters: Sequence[str], after: Place | None) -> str:
    """The query of one part, which reads no more of it than the page can show."""
    conditions = [f"source = '{source}'", *filters]
    if after is not None and source == after.source:
        conditions.append("at <= :place_at AND (at < :place_at OR id < :place_id)")
    elif after is not None:
        conditions.append("at <= :place_at" if source > after.source else "at < :place_at")
    return (
        f"(SELECT {_COLUMNS}"  # noqa: S608
        f" FROM audit_trail AS told WHERE {' AND '.join(conditions)} ORDER BY at DESC, id DESC LIMIT :most)"
    )
