"""The inbox as operators read it: what waits, is tried again, is dead, was ignored or handled."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlmodel import Session, col, select, text

from office import notes, places
from office.models import Note
from rails import inbox, inbox_desk, redaction
from rails.models import Notice, NoticeCursor

State = Literal["waiting", "retrying", "dead", "ignored", "handled"]
STATES: Final[tuple[State, ...]] = ("waiting", "retrying", "dead", "ignored", "handled")
Order = Literal["newest", "oldest"]
KIND: Final = "notice"
PAGE: Final = 50
MOST_COUNTED: Final = 1000
_BODY_CHARACTERS: Final = 20_000
# source: Stripe's names of fields about a person. What they bought stays readable, who they are does not.
_PERSONAL: Final = frozenset(
    {
        *("address", "billing_details", "customer_details", "customer_email", "email", "ip", "ip_address"),
        *("name", "owner", "phone", "receipt_email", "shipping", "shipping_details", "tax_ids"),
        *("client_secret", "payment_method_details"),
    }
)

# Through an index over state, type and number: the types that there are, leaping from one to the next, and
# the first few of each. So dead ones are listed past any number of handled ones.
_LISTED: Final = """
    WITH RECURSIVE of_state AS (
        (SELECT kind FROM notice WHERE {state} ORDER BY kind LIMIT 1)
        UNION ALL
        SELECT (SELECT kind FROM notice WHERE {state} AND kind > before.kind ORDER BY kind LIMIT 1)
        FROM of_state AS before
        WHERE before.kind IS NOT NULL
    )
    SELECT found.notice_id
    FROM of_state
    CROSS JOIN LATERAL (
        SELECT notice_id
        FROM notice
        WHERE {state}
            AND notice.kind = of_state.kind
            AND (CAST(:after AS bigint) IS NULL OR notice_id {beyond} :after)
        ORDER BY notice_id {direction}
        LIMIT :most
    ) AS found
    WHERE of_state.kind IS NOT NULL
        AND of_state.kind ^@ :kind
    ORDER BY found.notice_id {direction}
    LIMIT :most
"""
_WHERE: Final[Mapping[State, str]] = {
    "waiting": "notice.state = 'waiting'",
    "retrying": "notice.state = 'waiting' AND notice.reason IS NOT NULL",
    "dead": "notice.state = 'dead'",
    "ignored": "notice.state = 'ignored'",
    "handled": "notice.state = 'handled'",
}
_ORDERS: Final[Mapping[Order, tuple[str, str]]] = {"newest": ("<", "DESC"), "oldest": (">", "ASC")}


@dataclass(frozen=True, slots=True)
class Kept:
    """A notice in a list."""

    notice_id: int
    source: str
    external_id: str
    kind: str
    state: str
    reason: str | None
    error: str | None
    attempts: int
    deliveries: int
    received_at: datetime
    try_at: datetime | None
    handled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some notices, and where the next begin; None if these are the last."""

    lines: tuple[Kept, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are of a state; `more` if it was not counted to the end."""

    state: State
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """Up to where a processor's own list of events was read, and when."""

    source: str
    read_until: datetime
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody made of a notice."""

    at: datetime
    who: str
    what: str
    from_state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One notice. `body` is what was sent, without secrets and without what tells of a person."""

    line: Kept
    mentions: tuple[str, ...]
    about: tuple[str, ...]
    most_attempts: int
    leased_until: datetime | None
    body: str
    cut: bool
    acts: tuple[Act, ...]
    notes: Sequence[Note]


def listed(
    session: Session,
    *,
    state: State,
    kind: str = "",
    order: Order = "newest",
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """A page of one state; `kind` is how their types begin.

    raises: BadPlace
    """
    beyond, direction = _ORDERS[order]
    query = text(_LISTED.format(state=_WHERE[state], beyond=beyond, direction=direction))
    [place] = places.read(after, int) if after is not None else [None]
    wanted = {"after": place, "kind": kind.removesuffix("*"), "most": limit + 1}
    ids = [row.notice_id for row in session.connection().execute(query, wanted)]
    rows = session.exec(select(Notice).where(col(Notice.notice_id).in_(ids[:limit])))
    found = {row.notice_id: _kept(row) for row in rows}
    more = places.after(ids[limit - 1]) if len(ids) > limit else None
    return Page(tuple(found[each] for each in ids[:limit]), more)


def counts(session: Session) -> Sequence[Count]:
    """How many there are of what somebody may have to look at; counted to a thousand."""
    found = []
    for state in STATES[:-2]:
        query = text(f"SELECT count(*) FROM (SELECT FROM notice WHERE {_WHERE[state]} LIMIT :most) AS few")  # noqa: S608
        count = session.connection().execute(query, {"most": MOST_COUNTED + 1}).scalar_one()
        found.append(Count(state, min(count, MOST_COUNTED), count > MOST_COUNTED))
    return found


def recovery(session: Session) -> Sequence[Recovery]:
    """How far the processors' own lists were read for what no webhook brought."""
    rows = session.exec(select(NoticeCursor).order_by(NoticeCursor.source))
    return [Recovery(row.source, row.happened_at, row.moved_at) for row in rows]


def shown(session: Session, notice_id: int) -> Shown:
    """Everything about one notice.

    raises: NoticeNotFound
    """
    notice = inbox_desk.find(session, str(notice_id))
    body = readable(notice.body)
    return Shown(
        line=_kept(notice),
        mentions=tuple(notice.refs),
        about=tuple(inbox.attempts_of(session, notice.refs)),
        most_attempts=inbox.MOST_ATTEMPTS,
        leased_until=notice.leased_until,
        body=body[:_BODY_CHARACTERS],
        cut=len(body) > _BODY_CHARACTERS,
        acts=tuple(
            Act(each.acted_at, each.actor, each.action, each.from_state, each.reason)
            for each in inbox_desk.actions(session, notice)
        ),
        notes=notes.listed(session, about=(KIND, str(notice_id))),
    )


# Deeper than anything a processor sends: the parser goes down by recursion.
_MOST_NESTED: Final = 5_000


def readable(body: bytes) -> str:
    """What was sent, laid out, without secrets and without what tells of a person."""
    words = body.decode("utf-8", "replace")
    if words.count("[") + words.count("{") > _MOST_NESTED:
        return redaction.hide_secrets(words)
    # What is no JSON was kept all the same, and is shown as it came.
    with suppress(ValueError, RecursionError):
        words = json.dumps(_impersonal(json.loads(words)), indent=2, ensure_ascii=False)
    return redaction.hide_secrets(words)


def _impersonal(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "[redacted]" if name in _PERSONAL and each is not None else _impersonal(each)
            for name, each in value.items()
        }
    return [_impersonal(each) for each in value] if isinstance(value, list) else value


def _kept(row: Notice) -> Kept:
    assert row.notice_id is not None
    return Kept(
        notice_id=row.notice_id,
        source=row.source,
        external_id=row.external_id,
        kind=row.kind,
        state="retrying" if row.state == "waiting" and row.reason is not None else row.state,
        reason=row.reason,
        error=row.error,
        attempts=row.attempts,
        deliveries=row.deliveries,
        received_at=row.received_at,
        try_at=row.try_at,
        handled_at=row.handled_at,
    )
