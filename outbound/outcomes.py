"""What came of a try, written down: a row in the log, and where that leaves delivery and endpoint."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, update

from outbound import schedule
from outbound.models import Attempt, Delivery, Endpoint
from outbound.schedule import Parcel
from rails import redaction

logger = logging.getLogger("pennyrail.outbound")

GONE: Final = 410
ASKS_FOR_TIME: Final = frozenset({429, 502, 503, 504})
MOST_KEPT: Final = 2048


@dataclass(frozen=True, slots=True)
class Tried:
    """One try. `error` is the class of what went wrong, None if it was delivered."""

    started_at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    body: bytes = b""
    retry_after: str | None = None


def error_of(status: int) -> str | None:
    """The class of an answer that is no success: nothing but 2xx is one, a redirect neither."""
    if 200 <= status <= 299:
        return None
    if status == GONE:
        return "gone"
    return "redirect" if 300 <= status <= 399 else "status"


def write(session: Session, parcel: Parcel, tried: Tried, *, patience: timedelta, now: datetime) -> str:
    """Write one try down; the state that it leaves the delivery in.

    An endpoint that is gone, or that took nothing for as long as `patience`, is disabled.
    """
    session.add(
        Attempt(
            endpoint_id=parcel.endpoint_id,
            event_id=parcel.event_id,
            started_at=tried.started_at,
            duration_ms=tried.duration_ms,
            status=tried.status,
            error=tried.error,
            answer=_kept(tried.body) if tried.status is not None else None,
        )
    )
    if tried.error is None:
        _delivered(session, parcel, now=now)
        return "delivered"
    wait = schedule.asked_wait(tried.retry_after, now=now) if tried.status in ASKS_FOR_TIME else None
    state = _put_off(session, parcel, wait=wait, now=now)
    _count_failure(session, parcel, wait=wait, now=now)
    if tried.error == "gone":
        disable(session, parcel.endpoint_id, reason="it answered 410 Gone", now=now)
    else:
        _lose_patience(session, parcel, patience=patience, now=now)
    return state


def disable(session: Session, endpoint_id: str, *, reason: str, now: datetime) -> bool:
    """Send nothing more to an endpoint; whether it was enabled. What is pending waits for it."""
    done = session.execute(
        update(Endpoint)
        .where(col(Endpoint.endpoint_id) == endpoint_id, col(Endpoint.state) == "enabled")
        .values(state="disabled", disabled_at=now, disabled_reason=reason)
        .returning(col(Endpoint.endpoint_id))
    )
    disabled = done.one_or_none() is not None
    if disabled:
        logger.error("endpoint %s is disabled: %s", endpoint_id, reason)
    return disabled


def _delivered(session: Session, parcel: Parcel, *, now: datetime) -> None:
    session.execute(
        update(Delivery)
        .where(_this(parcel), col(Delivery.state) != "delivered")
        .values(state="delivered", tries=Delivery.tries + 1, try_at=None, delivered_at=now)
    )
    session.execute(
        update(Endpoint)
        .where(col(Endpoint.endpoint_id) == parcel.endpoint_id, col(Endpoint.failing_since).is_not(None))
        .values(failing_since=None)
    )


def _put_off(session: Session, parcel: Parcel, *, wait: timedelta | None, now: datetime) -> str:
    again = schedule.next_try(parcel, retry_after=wait, now=now)
    state = "failed" if again is None else "pending"
    session.execute(
        update(Delivery)
        # Not if somebody else, with the same parcel after a lease ran out, was luckier.
        .where(_this(parcel), col(Delivery.state) == "pending")
        .values(state=state, tries=Delivery.tries + 1, try_at=again)
    )
    return state


def _count_failure(session: Session, parcel: Parcel, *, wait: timedelta | None, now: datetime) -> None:
    mine = col(Endpoint.endpoint_id) == parcel.endpoint_id
    session.execute(
        update(Endpoint).where(mine, col(Endpoint.failing_since).is_(None)).values(failing_since=now)
    )
    if wait is not None:
        quiet_until = now + min(wait, schedule.LONGEST_WAIT)
        session.execute(update(Endpoint).where(mine).values(quiet_until=quiet_until))


def _lose_patience(session: Session, parcel: Parcel, *, patience: timedelta, now: datetime) -> None:
    failing = session.get_one(Endpoint, parcel.endpoint_id, populate_existing=True)
    if failing.failing_since is not None and failing.failing_since <= now - patience:
        since = f"{failing.failing_since:%Y-%m-%d %H:%M} UTC"
        disable(session, parcel.endpoint_id, reason=f"nothing came through since {since}", now=now)


def _this(parcel: Parcel) -> ColumnElement[bool]:
    return and_(col(Delivery.endpoint_id) == parcel.endpoint_id, col(Delivery.event_id) == parcel.event_id)


def _kept(body: bytes) -> str:
    """The beginning of an answer as text that harms no terminal and holds no secret."""
    text = body[:MOST_KEPT].decode("utf-8", "replace")
    return redaction.redact("".join(each if each.isprintable() else " " for each in text))
