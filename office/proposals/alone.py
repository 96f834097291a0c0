"""What one operator may give away alone in a day: refunds and write-offs, all of them together."""

from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session, text

from ledger.money import USD, Amount
from office.actor import Actor
from office.errors import NeedsApproval
from office.proposals.settings import proposals
from rails import policy_values

_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('alone:' || :name, 0))")
# What two have agreed on is told under the proposal's own name, and a refund that failed gave nothing away.
# The refund of an exception stands in its decision, which is there before the processor is asked.
_GIVEN: Final = text(
    """
    SELECT (
        SELECT coalesce(sum(cents), 0)
        FROM refund_request
        WHERE requested_by = :name
            AND requested_at >= :since
            AND state <> 'failed'
            AND idempotency_key NOT LIKE 'exception:%'
    ) + (
        SELECT coalesce(sum(cents), 0)
        FROM exception_action
        WHERE actor = :name
            AND created_at >= :since
            AND action IN ('refund', 'write_off')
    )
    """
)


def limit(session: Session) -> Amount:
    """The most that one operator may give away alone in a day."""
    changed = policy_values.changed(session).get("alone_most_cents")
    return Amount(proposals().alone_most_cents if changed is None else int(changed), USD)


def left_alone(session: Session, actor: Actor, now: datetime) -> Amount:
    """What the operator may still refund or write off alone today, in UTC."""
    since = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    given = session.connection().execute(_GIVEN, {"name": actor.name, "since": since}).scalar_one()
    return max(limit(session) - Amount(int(given), USD), Amount(0, USD))


def needs_two(session: Session, cents: Amount, actor: Actor, now: datetime) -> bool:
    """Whether a refund or write-off of `cents` takes a second person: with what was given away today.

    Call it in the transaction that writes the refund's or the decision's row: until its end, the same
    operator gives nothing else away.
    """
    session.connection().execute(_TURN, {"name": actor.name})
    return cents > left_alone(session, actor, now)


def check_alone(session: Session, cents: Amount, actor: Actor, now: datetime) -> None:
    """Let through what one operator may give away alone. Where to call it, `needs_two` says.

    raises: NeedsApproval
    """
    if needs_two(session, cents, actor, now):
        left = left_alone(session, actor, now)
        raise NeedsApproval(
            f"{cents} takes a second person: alone you may give away {left} more today; propose it"
        )
