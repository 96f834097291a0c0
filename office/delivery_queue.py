"""Outgoing webhooks as operators read them: the endpoints, what each was told, and every try to tell it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Row
from sqlmodel import Session, col, select, text

from office import errors, notes, places
from office.models import Note
from outbound import endpoints
from outbound.models import Attempt, Endpoint, Event
from rails import redaction

State = Literal["all", "pending", "retrying", "failed", "delivered"]
STATES: Final[tuple[State, ...]] = ("all", "pending", "retrying", "failed", "delivered")
Order = Literal["newest", "oldest"]
KIND: Final = "delivery"
PAGE: Final = 50
MOST_COUNTED: Final = 1000
MOST_ATTEMPTS: Final = 100
_BODY_CHARACTERS: Final = 20_000

# Of every endpoint the first few, through an index over endpoint, state and time; then the first of those.
_LISTED: Final = """
    SELECT next.*, event.type, event.subject, event.occurred_at, latest.started_at, latest.status,
        latest.error, latest.duration_ms
    FROM (
        SELECT found.*
        FROM webhook_endpoint AS endpoint
        CROSS JOIN unnest(CAST(:states AS text[])) AS wanted (state)
        CROSS JOIN LATERAL (
            SELECT *
            FROM webhook_delivery AS delivery
            WHERE delivery.endpoint_id = endpoint.endpoint_id
                AND {which}
                AND (
                    CAST(:at AS timestamptz) IS NULL
                    OR (delivery.created_at, delivery.event_id, delivery.endpoint_id)
                        {beyond} (CAST(:at AS timestamptz), :event, :of)
                )
            ORDER BY delivery.created_at {direction}, delivery.event_id {direction}
            LIMIT :most
        ) AS found
        WHERE CAST(:endpoint AS text) IS NULL OR endpoint.endpoint_id = :endpoint
        ORDER BY found.created_at {direction}, found.event_id {direction}, found.endpoint_id {direction}
        LIMIT :most
    ) AS next
    JOIN webhook_event AS event USING (event_id)
    LEFT JOIN LATERAL (
        SELECT *
        FROM webhook_attempt AS attempt
        WHERE attempt.endpoint_id = next.endpoint_id AND attempt.event_id = next.event_id
        ORDER BY attempt.attempt_id DESC
        LIMIT 1
    ) AS latest ON true
    ORDER BY next.created_at {direction}, next.event_id {direction}, next.endpoint_id {direction}
"""
_IN_STATE: Final = "delivery.state = wanted.state"
_RETRYING: Final = "delivery.state = 'pending' AND delivery.tries > 0"
_ORDERS: Final[Mapping[Order, tuple[str, str]]] = {"newest": ("<", "DESC"), "oldest": (">", "ASC")}
_COUNTS: Final = text(
    """
    SELECT endpoint.endpoint_id, wanted.state, (
        SELECT count(*)
        FROM (
            SELECT
            FROM webhook_delivery AS delivery
            WHERE delivery.endpoint_id = endpoint.endpoint_id AND delivery.state = wanted.state
            -- In the index's order, or all that was ever delivered is read for the few that were not.
            ORDER BY delivery.created_at, delivery.event_id
            LIMIT :most
        ) AS few
    ) AS counted
    FROM webhook_endpoint AS endpoint
    CROSS JOIN (VALUES ('pending'), ('failed')) AS wanted (state)
    """
)
_EVENT: Final = text(
    """
    SELECT delivery.*
    FROM webhook_endpoint AS endpoint
    CROSS JOIN LATERAL (
        SELECT *
        FROM webhook_delivery
        WHERE endpoint_id = endpoint.endpoint_id AND event_id = :event
        -- Each is looked up by its key: no index begins with the event.
        OFFSET 0
    ) AS delivery
    ORDER BY endpoint.created_at, endpoint.endpoint_id
    """
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint, and how many deliveries to it wait or have failed; `more` if not counted to the end."""

    endpoint_id: str
    url: str
    state: str
    event_types: tuple[str, ...]
    failing_since: datetime | None
    quiet_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    pending: int
    failed: int
    more: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery in a list, and its newest try."""

    endpoint_id: str
    event_id: str
    type: str
    subject: str
    occurred_at: datetime
    state: str
    tries: int
    created_at: datetime
    try_at: datetime | None
    delivered_at: datetime | None
    tried_at: datetime | None
    status: int | None
    error: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some deliveries, and where the next begin; None if these are the last."""

    lines: tuple[Sent, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver, and what came of it."""

    endpoint_id: str
    started_at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class To:
    """What one event came to at one endpoint."""

    receiver: Receiver
    state: str
    tries: int
    try_at: datetime | None
    delivered_at: datetime | None
    attempts: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One event that is told to others: what is sent, and what came of it at each endpoint."""

    event_id: str
    type: str
    subject: str
    agent_id: str | None
    occurred_at: datetime
    body: str
    cut: bool
    to: tuple[To, ...]
    others: tuple[Receiver, ...]
    """Endpoints that were never told of it."""
    notes: Sequence[Note]


def receivers(session: Session) -> Sequence[Receiver]:
    """Every endpoint, the oldest first."""
    counted = {
        (row.endpoint_id, row.state): int(row.counted)
        for row in session.connection().execute(_COUNTS, {"most": MOST_COUNTED + 1})
    }
    return [_receiver(each, counted) for each in endpoints.listed(session)]


def listed(
    session: Session,
    *,
    state: State = "all",
    endpoint_id: str | None = None,
    order: Order = "newest",
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """A page of deliveries, by when they were asked for.

    raises: BadPlace
    """
    beyond, direction = _ORDERS[order]
    which = _RETRYING if state == "retrying" else _IN_STATE
    at, event, of = places.read(after, datetime, str, str) if after is not None else (None, None, None)
    states = ["pending", "delivered", "failed"] if state == "all" else [state]
    found = (
        session.connection()
        .execute(
            text(_LISTED.format(which=which, beyond=beyond, direction=direction)),
            {
                "states": states,
                "at": at,
                "event": event,
                "of": of,
                "endpoint": endpoint_id,
                "most": limit + 1,
            },
        )
        .all()
    )
    lines = tuple(_sent(row) for row in found[:limit])
    last = lines[-1] if len(found) > limit else None
    more = places.after(last.created_at, last.event_id, last.endpoint_id) if last is not None else None
    return Page(lines, more)


def shown(session: Session, event_id: str) -> Shown:
    """Everything about one event that is told to others.

    raises: NoDelivery
    """
    event = session.get(Event, event_id)
    if event is None:
        raise errors.NoDelivery("no event has this id")
    everybody = {each.endpoint_id: each for each in receivers(session)}
    told = session.connection().execute(_EVENT, {"event": event_id}).all()
    body = readable(event.body)
    return Shown(
        event_id=event_id,
        type=event.type,
        subject=event.subject,
        agent_id=event.agent_id,
        occurred_at=event.occurred_at,
        body=body[:_BODY_CHARACTERS],
        cut=len(body) > _BODY_CHARACTERS,
        to=tuple(_to(session, row, everybody[row.endpoint_id]) for row in told),
        others=tuple(
            each for each in everybody.values() if each.endpoint_id not in {row.endpoint_id for row in told}
        ),
        notes=notes.listed(session, about=(KIND, event_id)),
    )


def readable(body: str) -> str:
    """What is sent, laid out, without secrets."""
    return redaction.hide_secrets(json.dumps(json.loads(body), indent=2, ensure_ascii=False))


def _to(session: Session, row: "Row[tuple[object, ...]]", receiver: Receiver) -> To:
    tries = session.exec(
        select(Attempt)
        .where(Attempt.endpoint_id == row.endpoint_id, Attempt.event_id == row.event_id)
        .order_by(col(Attempt.attempt_id).desc())
        .limit(MOST_ATTEMPTS)
    )
    return To(
        receiver=receiver,
        state=row.state,
        tries=row.tries,
        try_at=row.try_at,
        delivered_at=row.delivered_at,
        attempts=tuple(
            Try(
                each.endpoint_id,
                each.started_at,
                each.duration_ms,
                each.status,
                each.error,
                redaction.hide_secrets(each.answer) if each.answer else None,
            )
            for each in tries
        ),
    )


def _receiver(row: Endpoint, counted: Mapping[tuple[str, str], int]) -> Receiver:
    pending = counted.get((row.endpoint_id, "pending"), 0)
    failed = counted.get((row.endpoint_id, "failed"), 0)
    return Receiver(
        endpoint_id=row.endpoint_id,
        # What comes after a question mark may be a secret of theirs.
        url=redaction.hide_secrets(row.url.partition("?")[0]),
        state=row.state,
        event_types=tuple(row.event_types),
        failing_since=row.failing_since,
        quiet_until=row.quiet_until,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        pending=min(pending, MOST_COUNTED),
        failed=min(failed, MOST_COUNTED),
        more=max(pending, failed) > MOST_COUNTED,
    )


def _sent(row: "Row[tuple[object, ...]]") -> Sent:
    return Sent(
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        type=row.type,
        subject=row.subject,
        occurred_at=row.occurred_at,
        state="retrying" if row.state == "pending" and row.tries else row.state,
        tries=row.tries,
        created_at=row.created_at,
        try_at=row.try_at,
        delivered_at=row.delivered_at,
        tried_at=row.started_at,
        status=row.status,
        error=row.error,
        duration_ms=row.duration_ms,
    )
