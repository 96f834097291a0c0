"""Proposals as people read them: what waits, what became of the others, and what each would do."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select, text
from sqlmodel.sql.expression import Select

from ledger.errors import BookError
from ledger.money import ASSETS, Amount
from office.actor import Actor
from office.proposals import errors, kinds
from office.proposals.content import Content, Done, Kind, Order
from office.proposals.models import Proposal, ProposalDecision
from office.proposals.refund import Refund
from rails import refunds
from rails.errors import OperatorError
from rails.models import RefundRequest

State = Literal["pending", "decided", "approved", "rejected", "withdrawn", "expired"]
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a proposal."""

    decision: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A proposal, and what became of it by `now`."""

    proposal_id: int
    kind: Kind
    content: Content
    reason: str
    evidence: str | None
    proposed_by: str
    proposed_by_id: str
    proposed_at: datetime
    expires_at: datetime
    decided: Decided | None
    now: datetime

    @property
    def state(self) -> str:
        """`pending` until somebody decides, or its time is over: at that very moment it is `expired`."""
        if self.decided is not None:
            return self.decided.decision
        return "expired" if self.expires_at <= self.now else "pending"

    @property
    def age(self) -> timedelta:
        """How long it waited, or waits."""
        return (self.decided.at if self.decided else min(self.now, self.expires_at)) - self.proposed_at

    @property
    def time_left(self) -> timedelta | None:
        """How long it can still be decided; None if it cannot."""
        return self.expires_at - self.now if self.state == "pending" else None

    @property
    def title(self) -> str:
        """What would be done, or was."""
        return self.content.title

    @property
    def evidence_link(self) -> str | None:
        """Where the evidence can be looked at, if it is an address."""
        return self.evidence if self.evidence and self.evidence.startswith("https://") else None

    def why_not(self, actor: Actor) -> str | None:
        """Why somebody may not approve it; None if that one may."""
        if self.state != "pending":
            return f"it is {self.state}"
        if is_maker(actor, self.proposed_by, self.proposed_by_id):
            return "you have proposed it: somebody else has to decide"
        if actor.operator_id is None or not actor.may("approve"):
            return "only approvers decide"
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which proposals to list; None is any, and `decided` all that nobody can decide any more."""

    state: State | None = None
    kind: Kind | None = None
    proposed_by: str | None = None
    about: tuple[str, str] | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What one account would have, or had, more or less."""

    account: str
    amount: Amount
    before: Amount
    after: Amount


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What approving would do right now: carried out and undone. `why_not` if it cannot be done."""

    words: str
    legs: tuple[Moved, ...]
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What an approved proposal did: its transactions in the book, and the refund that was asked for."""

    transactions: tuple[int, ...]
    legs: tuple[tuple[str, Amount], ...]
    refund: refunds.Refund | None


def is_maker(actor: Actor, proposed_by: str, proposed_by_id: str) -> bool:
    """Whether somebody is who proposed, under whatever name."""
    return actor.operator_id == proposed_by_id or actor.name.lower() == proposed_by.lower()


def shown(session: Session, proposal_id: int, *, now: datetime) -> Standing:
    """One proposal.

    raises: ProposalNotFound
    """
    row = session.exec(_rows().where(Proposal.proposal_id == proposal_id)).one_or_none()
    if row is None:
        raise errors.ProposalNotFound(f"there is no proposal {proposal_id}")
    return _standing(*row, now=now)


def listed(session: Session, wanted: Wanted, *, now: datetime, limit: int = 50) -> Sequence[Standing]:
    """Proposals, the newest first."""
    query = _rows().where(*_conditions(wanted, now=now))
    found = session.exec(query.order_by(col(Proposal.proposal_id).desc()).limit(limit)).all()
    return [_standing(*row, now=now) for row in found]


def _rows() -> Select[Proposal, ProposalDecision]:
    return select(Proposal, ProposalDecision).outerjoin(
        ProposalDecision, col(ProposalDecision.proposal_id) == col(Proposal.proposal_id)
    )


def _standing(proposal: Proposal, decision: ProposalDecision | None, *, now: datetime) -> Standing:
    assert proposal.proposal_id is not None
    of = kinds.kind(proposal.kind)
    return Standing(
        proposal_id=proposal.proposal_id,
        kind=of,
        content=kinds.read(of, proposal.content),
        reason=proposal.reason,
        evidence=proposal.evidence,
        proposed_by=proposal.proposed_by,
        proposed_by_id=proposal.proposed_by_id,
        proposed_at=proposal.proposed_at,
        expires_at=proposal.expires_at,
        decided=Decided(decision.decision, decision.decided_by, decision.reason, decision.decided_at)
        if decision is not None
        else None,
        now=now,
    )


def _conditions(wanted: Wanted, *, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    undecided, ends = col(ProposalDecision.proposal_id).is_(None), col(Proposal.expires_at)
    match wanted.state:
        case None:
            pass
        case "pending":
            found.append(and_(undecided, ends > now))
        case "decided":
            found.append(or_(~undecided, ends <= now))
        case "expired":
            found.append(or_(col(ProposalDecision.decision) == "expired", and_(undecided, ends <= now)))
        case decision:
            found.append(col(ProposalDecision.decision) == decision)
    if wanted.kind is not None:
        found.append(col(Proposal.kind) == wanted.kind)
    if wanted.proposed_by is not None:
        found.append(col(Proposal.proposed_by) == wanted.proposed_by)
    if wanted.about is not None:
        kind, subject = wanted.about
        found += [col(Proposal.about_kind) == kind, col(Proposal.about_id) == subject]
    if wanted.before is not None:
        found.append(col(Proposal.proposal_id) < wanted.before)
    return found


_MOVED: Final = text(
    """
    SELECT account.name, account.asset, moved.amount,
        (SELECT sum(balance.posted) FROM balance WHERE balance.account_id = account.id)::bigint AS after
    FROM (
        SELECT entry.account_id, sum(entry.amount)::bigint AS amount, min(entry.leg) AS leg
        FROM entry
        WHERE entry.transaction_id = ANY (:transactions)
        GROUP BY entry.account_id
    ) AS moved
    JOIN account ON account.id = moved.account_id
    ORDER BY account.asset, moved.leg
    """
)


def rehearse(session: Session, content: Content, *, now: datetime) -> Rehearsal:
    """Carry a proposal out and undo it: what it would book, by the same code that books it.

    Under a number that no proposal has, so that it never meets the approval itself.
    """
    number = -1 - secrets.randbelow(2**60)
    undone = session.begin_nested()
    try:
        done = content.carry_out(session, Order(number, "rehearsed", now))
        return Rehearsal(done.words, _legs(session, done), None)
    except (OperatorError, BookError) as error:
        return Rehearsal("", (), str(error) or type(error).__name__)
    finally:
        undone.rollback()


def _legs(session: Session, done: Done) -> tuple[Moved, ...]:
    rows = session.connection().execute(_MOVED, {"transactions": list(done.transactions)})
    return tuple(
        Moved(
            row.name,
            Amount(row.amount, ASSETS[row.asset]),
            Amount(row.after - row.amount, ASSETS[row.asset]),
            Amount(row.after, ASSETS[row.asset]),
        )
        for row in rows
    )


# Of one payment that was credited in several parts.
_MOST_PARTS: Final = 20
_TOLD: Final = text(
    """
    SELECT id FROM ledger_transaction
    WHERE reference = ANY (:references) AND actor = :actor
    ORDER BY id
    """
)


def effect(session: Session, standing: Standing) -> Effect:
    """What an approved proposal did in the book and at the processor."""
    key, about = f"proposal:{standing.proposal_id}", standing.content.about
    parts = (f"{key}:{number}" for number in range(2, _MOST_PARTS))
    references = [key, *parts, f"exception:{about[1]}:unclaimed"]
    told = tuple(session.connection().scalars(_TOLD, {"references": references, "actor": key}))
    rows = session.connection().execute(_MOVED, {"transactions": list(told)})
    legs = tuple((row.name, Amount(row.amount, ASSETS[row.asset])) for row in rows)
    return Effect(told, legs, _refund(session, standing, key))


def _refund(session: Session, standing: Standing, key: str) -> refunds.Refund | None:
    if not isinstance(standing.content, Refund):
        return None
    named = standing.content.refund_key(key)
    asked = session.exec(select(RefundRequest).where(RefundRequest.idempotency_key == named)).one_or_none()
    return refunds.view(session, asked) if asked is not None else None
