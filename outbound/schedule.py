"""When a delivery is tried again, as pure arithmetic; and which deliveries are due."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, bindparam, text

SECOND: Final = 1
MINUTE: Final = 60
HOUR: Final = 3600
# After the first try, which is at once: 23.7 hours in all.
STEPS_SECONDS: Final = (
    *(5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    *(1 * HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR),
)
JITTER: Final = 0.2
LONGEST_WAIT: Final = timedelta(hours=8)
# Longer than one try can take, looking up the name included.
LEASE: Final = timedelta(seconds=90)

_TAKE: Final = text(
    """
    WITH due AS (
        SELECT next.endpoint_id, next.event_id
        FROM webhook_endpoint AS endpoint
        CROSS JOIN LATERAL (
            SELECT delivery.endpoint_id, delivery.event_id, delivery.try_at
            FROM webhook_delivery AS delivery
            WHERE delivery.endpoint_id = endpoint.endpoint_id
                AND delivery.state = 'pending'
                AND delivery.try_at <= :now
            ORDER BY delivery.try_at
            -- One at a time for who does not answer well: it holds up nobody but itself.
            LIMIT greatest(0, CASE WHEN endpoint.failing_since IS NULL THEN :each ELSE 1 END
                - coalesce(CAST(:busy ->> endpoint.endpoint_id AS integer), 0))
            FOR UPDATE SKIP LOCKED
        ) AS next
        WHERE endpoint.state = 'enabled'
            AND coalesce(endpoint.quiet_until, '-infinity') <= :now
        ORDER BY next.try_at
        LIMIT :most
    ), taken AS (
        UPDATE webhook_delivery AS delivery
        SET try_at = :lease
        FROM due
        WHERE delivery.endpoint_id = due.endpoint_id
            AND delivery.event_id = due.event_id
        RETURNING delivery.endpoint_id, delivery.event_id, delivery.tries
    )
    SELECT
        taken.endpoint_id, taken.event_id, taken.tries, endpoint.url, event.body,
        ARRAY(
            SELECT secret.sealed
            FROM webhook_secret AS secret
            WHERE secret.endpoint_id = taken.endpoint_id
                AND coalesce(secret.expires_at, 'infinity') > :now
            ORDER BY secret.secret_id DESC
        ) AS secrets,
        (
            SELECT attempt.trace_id
            FROM payment_attempt AS attempt
            WHERE attempt.payment_attempt_id = CAST(event.body AS jsonb) #>> '{data,payment_attempt_id}'
        ) AS trace_id
    FROM taken
    JOIN webhook_endpoint AS endpoint USING (endpoint_id)
    JOIN webhook_event AS event USING (event_id)
    """
).bindparams(bindparam("busy", type_=JSONB))


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery that was taken: what to send, where, and signed with what."""

    endpoint_id: str
    event_id: str
    tries: int
    url: str = field(repr=False)
    body: str = field(repr=False)
    sealed_secrets: tuple[bytes, ...] = field(repr=False)
    trace_id: str | None = None
    """That of the purchase it tells of."""


def take(
    session: Session, *, busy: Mapping[str, int], each: int, most: int, now: datetime
) -> Sequence[Parcel]:
    """Take deliveries whose time has come, at most `most`, and `each` for one endpoint with those it has.

    Each is put off by the lease: if whoever took it dies, it comes up again.
    """
    if most < 1:
        return []
    wanted: dict[str, Any] = {"busy": dict(busy), "each": each, "most": most}
    found = session.connection().execute(_TAKE, {**wanted, "now": now, "lease": now + LEASE})
    return [
        Parcel(
            row.endpoint_id,
            row.event_id,
            row.tries,
            row.url,
            row.body,
            tuple(map(bytes, row.secrets)),
            row.trace_id,
        )
        for row in found
    ]


def next_try(parcel: Parcel, *, retry_after: timedelta | None, now: datetime) -> datetime | None:
    """When to try again after one more failure; None if that was the last try.

    An endpoint that asks for more time gets it, up to eight hours; it cannot ask for less.
    """
    if parcel.tries >= len(STEPS_SECONDS):
        return None
    step = timedelta(seconds=STEPS_SECONDS[parcel.tries] * _spread(parcel))
    return now + max(step, min(retry_after or step, LONGEST_WAIT))


def asked_wait(header: str | None, *, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, in seconds or as a date; None if it says nothing of use."""
    if header is None:
        return None
    if header.strip().isdecimal() and len(header) < 10:
        return timedelta(seconds=int(header))
    try:
        moment = parsedate_to_datetime(header)
        return max(timedelta(), moment.replace(tzinfo=moment.tzinfo or UTC) - now)
    except (ValueError, OverflowError):
        return None


def _spread(parcel: Parcel) -> float:
    """A factor around 1, another for each delivery and try, so that a crowd does not come back as one."""
    told = f"{parcel.event_id}|{parcel.endpoint_id}|{parcel.tries}".encode()
    share = int.from_bytes(hashlib.sha256(told).digest()[:4]) / 2**32
    return 1 - JITTER + 2 * JITTER * share
