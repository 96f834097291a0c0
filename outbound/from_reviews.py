"""What waits for a decision, as others are told of it: once when it opens, once when it closes."""

from typing import Any, Final, Literal

from sqlalchemy import Row
from sqlmodel import Session, text

from outbound import payloads
from rails.reviews import HOUSE

# Not yet told, whoever opened or closed it. No watermark: an id is taken before its row can be seen.
_UNTOLD: Final = text(
    """
    SELECT item.*, attempt.agent_id, change.state, change.happened_at
    FROM payment_exception AS item
    LEFT JOIN payment_attempt AS attempt USING (payment_attempt_id)
    CROSS JOIN LATERAL (
        VALUES ('opened', item.opened_at), ('closed', item.closed_at)
    ) AS change (state, happened_at)
    WHERE change.happened_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM webhook_event AS event
            WHERE event.type = 'deposit.exception'
                AND event.subject = item.exception_id || ':' || change.state
        )
    ORDER BY change.happened_at, item.exception_id, change.state DESC
    LIMIT :most
    """
)


def untold(session: Session, *, most: int) -> list[tuple[str, payloads.Payload]]:
    """What others are told of payments that need a decision, or do not need it any more."""
    found = session.connection().execute(_UNTOLD, {"most": most})
    return [(f"{row.exception_id}:{row.state}", _event(row)) for row in found]


def _event(row: Row[Any]) -> payloads.Payload:
    closed = row.state == "closed"
    return payloads.DepositExceptionEvent(
        timestamp=row.happened_at,
        data=payloads.DepositException(
            exception_id=row.exception_id,
            agent_id=row.agent_id,
            payment_attempt_id=row.payment_attempt_id,
            state=row.state,
            kind=row.kind,
            asset=row.asset,
            expected_units=str(row.expected_units),
            received_units=str(row.received_units),
            opened_at=row.opened_at,
            closed_at=row.closed_at if closed else None,
            # Who it was by name, and in which words, is nobody's business outside.
            closed_by=_who(row.closed_by) if closed else None,
            resolution=row.resolution if closed and row.closed_by != HOUSE else None,
        ),
    )


def _who(closed_by: str) -> Literal["house", "policy", "operator"]:
    if closed_by == HOUSE:
        return "house"
    return "policy" if closed_by.startswith("policy:") else "operator"
