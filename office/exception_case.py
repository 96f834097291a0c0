"""One exception as an operator decides about it: what came, who says so, what may be done, what was done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ledger.money import USD, Amount
from office import exception_queue, notes, owners, proposals
from office.actor import Actor
from office.exception_queue import KIND, Queued
from office.models import Assignment, Note
from office.owners import Owned
from rails import errors, exceptions, redaction
from rails.accounted import asset_of
from rails.choices import Action, Choice
from rails.exceptions import Case
from rails.models import EvidenceRow, ExceptionAction, PaymentException


@dataclass(frozen=True, slots=True)
class Attempt:
    """The purchase that an exception is about."""

    payment_attempt_id: str
    agent_id: str
    rail_id: str
    state: str
    created_at: datetime
    expires_at: datetime
    receipt_id: str | None
    credits: int | None


@dataclass(frozen=True, slots=True)
class Witness:
    """What one witness says of the payment."""

    source: str
    external_id: str
    state: str
    detail: tuple[tuple[str, str], ...]
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """One resolution: what it would do with how much, or why it is not allowed.

    `takes_two`: it is more than this operator may give away alone, and has to be proposed.
    """

    action: Action
    allowed: bool
    why: str
    cents: Amount
    dust: Amount
    takes_two: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done about an exception."""

    at: datetime
    who: str
    what: str
    words: str
    cents: Amount | None = None
    ledger_transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """All of it. `seen` is what had arrived, in the smallest units: an action says it, or is refused."""

    line: Queued
    final: Amount | None
    policy: str
    attempt: Attempt | None
    evidence: tuple[Witness, ...]
    offers: tuple[Offer, ...]
    refund_asked: bool
    left_alone: Amount
    owned: Owned
    history: tuple[Event, ...]
    notes: Sequence[Note]
    seen: int


def shown(session: Session, exception_id: int, *, by: Actor, now: datetime) -> Shown:
    """Everything about one exception, as `by` may decide about it.

    raises: ExceptionNotFound
    """
    found = exceptions.case(session, exception_id, now=now)
    about, item = (KIND, str(exception_id)), found.line.item
    [line] = exception_queue.queued(session, [found.line])
    left = proposals.left_alone(session, by, now)
    return Shown(
        line=line,
        final=None if item.final_units is None else Amount(int(item.final_units), asset_of(item)),
        policy=found.policy,
        attempt=_attempt(found),
        evidence=tuple(_witness(each) for each in found.evidence),
        offers=tuple(_offer(each, left) for each in found.choices.values()),
        refund_asked=item.closed_at is None and any(each.action == "refund" for each in found.actions),
        left_alone=left,
        owned=owners.of(session, about=about),
        history=_history(found, owners.history(session, about=about)),
        notes=notes.listed(session, about=about),
        seen=int(item.received_units),
    )


def _attempt(found: Case) -> Attempt | None:
    attempt, receipt = found.line.attempt, found.receipt
    if attempt is None:
        return None
    return Attempt(
        payment_attempt_id=attempt.payment_attempt_id,
        agent_id=attempt.agent_id,
        rail_id=attempt.rail_id,
        state=attempt.state,
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        receipt_id=receipt.receipt_id if receipt is not None else None,
        credits=receipt.credits if receipt is not None else None,
    )


def _witness(row: EvidenceRow) -> Witness:
    return Witness(
        source=row.source,
        external_id=row.external_id,
        state=row.state,
        detail=tuple(_told(row.detail)),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
    )


def _told(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in detail.items():
        if value is not None:
            yield name, redaction.hide_secrets(str(value))


def _offer(choice: Choice, left: Amount) -> Offer:
    gives_away = choice.action in ("refund", "write_off")
    return Offer(
        action=choice.action,
        allowed=choice.allowed,
        why=choice.why,
        cents=choice.cents,
        dust=choice.dust,
        takes_two=choice.allowed and gives_away and choice.cents > left,
    )


def _history(found: Case, turns: Sequence[Assignment]) -> tuple[Event, ...]:
    item = found.line.item
    events = [Event(item.opened_at, "house", "opened", ""), *map(_acted, found.actions)]
    events += [Event(each.assigned_at, each.assigned_by, "owner", each.owner or "nobody") for each in turns]
    if item.closed_at is not None:
        events.append(Event(item.closed_at, item.closed_by or "", "closed", item.resolution or ""))
    return tuple(sorted(events, key=lambda event: event.at))


def _acted(row: ExceptionAction) -> Event:
    until = f" until {row.wait_until:%Y-%m-%d %H:%M} UTC" if row.wait_until is not None else ""
    return Event(
        at=row.created_at,
        who=row.actor,
        what=f"{row.action}{until}",
        words=row.reason,
        cents=Amount(row.cents, USD) if row.cents else None,
        ledger_transaction_id=row.ledger_transaction_id,
    )


def check_exists(session: Session, exception_id: int) -> None:
    """raises: ExceptionNotFound"""
    if session.get(PaymentException, exception_id) is None:
        raise errors.ExceptionNotFound(f"there is no exception {exception_id}")
