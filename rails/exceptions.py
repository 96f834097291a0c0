"""Exceptions as a person reads them: how old, what was asked for and came, what may be and was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from ledger.money import Amount
from rails import errors, promises, resolutions
from rails.accounted import asset_of
from rails.choices import Action, Choice, Situation, choices
from rails.models import EvidenceRow, ExceptionAction, PaymentAttempt, PaymentException, Receipt

State = Literal["open", "waiting", "closed", "all"]
IN_TIME: Final = (col(PaymentException.opened_at), col(PaymentException.exception_id))
"""The order of every list: as they were opened."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which exceptions to list. `open` are those that somebody should decide now; None is any."""

    state: State = "open"
    kind: str | None = None
    agent_id: str | None = None
    payment_attempt_id: str | None = None
    older_than: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An exception in a list."""

    item: PaymentException
    attempt: PaymentAttempt | None
    now: datetime

    @property
    def exception_id(self) -> int:
        """Its number."""
        assert self.item.exception_id is not None
        return self.item.exception_id

    @property
    def age(self) -> timedelta:
        """How long it was open, or is."""
        return (self.item.closed_at or self.now) - self.item.opened_at

    @property
    def state(self) -> str:
        """`open`, `waiting` until its time comes, or `closed`."""
        if self.item.closed_at is not None:
            return "closed"
        return "waiting" if self.item.wait_until is not None and self.item.wait_until > self.now else "open"

    @property
    def expected(self) -> Amount:
        """What was asked for."""
        return Amount(int(self.item.expected_units), asset_of(self.item))

    @property
    def received(self) -> Amount:
        """What came."""
        return Amount(int(self.item.received_units), asset_of(self.item))

    @property
    def difference(self) -> Amount:
        """What came less what was asked for: negative if it is short."""
        return self.received - self.expected


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one exception, and what may be done about it."""

    line: Line
    receipt: Receipt | None
    evidence: tuple[EvidenceRow, ...]
    actions: tuple[ExceptionAction, ...]
    situation: Situation
    choices: Mapping[Action, Choice]
    policy: str
    """`credit` if the attempt's published policy decides it, else `review`."""


def listed(session: Session, wanted: Wanted, *, now: datetime, limit: int = 100) -> Sequence[Line]:
    """The exceptions that are wanted, the oldest first."""
    query = chosen(wanted, now=now).order_by(*IN_TIME).limit(limit)
    return [Line(item, attempt, now) for item, attempt in session.exec(query)]


def chosen(wanted: Wanted, *, now: datetime) -> Select[PaymentException, PaymentAttempt]:
    """The statement that reads the exceptions that are wanted, for who narrows or orders it further."""
    return (
        select(PaymentException, PaymentAttempt)
        .join(PaymentAttempt, isouter=True)
        .where(*_conditions(wanted, now=now))
    )


def case(session: Session, exception_id: int, *, now: datetime) -> Case:
    """Everything about one exception.

    raises: ExceptionNotFound
    """
    item = session.get(PaymentException, exception_id)
    if item is None:
        raise errors.ExceptionNotFound(f"there is no exception {exception_id}")
    attempt = session.get(PaymentAttempt, item.payment_attempt_id) if item.payment_attempt_id else None
    of_attempt = item.payment_attempt_id
    receipt = session.exec(select(Receipt).where(Receipt.payment_attempt_id == of_attempt)).one_or_none()
    evidence = session.exec(
        select(EvidenceRow)
        .where(EvidenceRow.payment_attempt_id == of_attempt)
        .order_by(col(EvidenceRow.source).desc(), col(EvidenceRow.first_seen_at))
    ).all()
    found = resolutions.situation(session, item, attempt, receipt)
    return Case(
        line=Line(item, attempt, now),
        receipt=receipt,
        evidence=tuple(evidence),
        actions=tuple(resolutions.actions_of(session, exception_id)),
        situation=found,
        choices=choices(found) if item.closed_at is None else {},
        policy="credit"
        if attempt is not None and promises.credits(attempt, kind=item.kind, late=item.late)
        else "review",
    )


def _conditions(wanted: Wanted, *, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    is_open, until = col(PaymentException.closed_at).is_(None), col(PaymentException.wait_until)
    match wanted.state:
        case "open":
            conditions.append(and_(is_open, or_(until.is_(None), until <= now)))
        case "waiting":
            conditions.append(and_(is_open, until > now))
        case "closed":
            conditions.append(~is_open)
        case "all":
            pass
    if wanted.kind is not None:
        conditions.append(col(PaymentException.kind) == wanted.kind)
    if wanted.agent_id is not None:
        conditions.append(col(PaymentException.agent_id) == wanted.agent_id)
    if wanted.payment_attempt_id is not None:
        conditions.append(col(PaymentException.payment_attempt_id) == wanted.payment_attempt_id)
    if wanted.older_than is not None:
        conditions.append(col(PaymentException.opened_at) <= now - wanted.older_than)
    return conditions
