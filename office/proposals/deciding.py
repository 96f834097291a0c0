"""Proposing, and deciding what another has proposed: once, and done in the same transaction."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from psycopg import errors as postgres
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from ledger.database import Sessions
from office import audit
from office.actor import Actor
from office.models import Operator
from office.proposals import kinds, reading
from office.proposals.content import Content, Done, Fields, Kind, Order
from office.proposals.errors import (
    AlreadyDecided,
    BadProposal,
    MayNotDecide,
    NotPossible,
    ProposalExpired,
)
from office.proposals.models import Proposal, ProposalDecision
from office.proposals.reading import Standing, is_maker, shown
from office.proposals.settings import proposals
from rails import redaction

Decision = Literal["approved", "rejected", "withdrawn"]
HOUSE: Final = "house"
_VERBS: Final[dict[Decision, str]] = {
    "approved": "proposal.approve",
    "rejected": "proposal.reject",
    "withdrawn": "proposal.withdraw",
}
# Of a proposal that is not written down yet.
_UNNUMBERED: Final = 0
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A proposal after a call, what the call did, and whether an earlier one had done it before."""

    standing: Standing
    done: Done | None = None
    replayed: bool = False


def propose(
    session: Session,
    *,
    kind: Kind,
    fields: Fields,
    reason: str,
    evidence: str,
    key: str,
    by: Actor,
    now: datetime,
) -> Outcome:
    """Write down what somebody proposes, frozen. The same key is the same proposal.

    It is tried first: what cannot be done now is not proposed either.

    raises: BadProposal, NotPossible, MayNotDecide if nobody is signed in; ExceptionNotFound
    """
    evidence = redaction.hide_secrets(evidence.strip())
    _check_proposable(kind, reason=reason, evidence=evidence, by=by)
    before = session.exec(select(Proposal).where(Proposal.key == key)).one_or_none()
    if before is None:
        content = kinds.typed(session, kind, fields, Order(_UNNUMBERED, reason, now))
        tried = reading.rehearse(session, content, now=now)
        if tried.why_not is not None:
            raise NotPossible(tried.why_not)
        made = _keep(session, content, reason=reason, evidence=evidence, key=key, by=by, now=now)
        if made is not None:
            standing = shown(session, made, now=now)
            told = {"kind": kind, **content.kept(), "evidence": evidence}
            _write(session, by, "proposal.create", standing, reason=reason, after=told, now=now)
            return Outcome(standing)
        before = session.exec(select(Proposal).where(Proposal.key == key)).one()
    if before.proposed_by_id != by.operator_id or before.proposal_id is None:
        raise BadProposal("this form was sent by somebody else: open a new one")
    _check_same(session, before, kind, fields, Order(_UNNUMBERED, reason, now), evidence=evidence)
    return Outcome(shown(session, before.proposal_id, now=now), replayed=True)


def _check_proposable(kind: Kind, *, reason: str, evidence: str, by: Actor) -> None:
    if by.operator_id is None or not by.may("propose"):
        raise MayNotDecide("only a person of the house with that role proposes")
    if not reason.strip():
        raise BadProposal("reason: say why in a few words")
    if kind in kinds.WITH_EVIDENCE and not evidence:
        raise BadProposal("evidence: a link or a reference that shows why")
    if len(evidence) > _LONGEST:
        raise BadProposal(f"evidence: at most {_LONGEST} characters")


def _check_same(
    session: Session, before: Proposal, kind: Kind, fields: Fields, order: Order, *, evidence: str
) -> None:
    """Refuse a key under which something else was proposed: it would be taken for what was typed now.

    raises: BadProposal
    """
    told = (before.kind, before.reason, before.evidence or "")
    same = told == (kind, order.reason, evidence)
    # What is about a payment or a policy depends on how that stands, and may have been done since.
    if same and kind in ("adjustment", "correction"):
        same = dict(kinds.typed(session, kind, fields, order).kept()) == before.content
    if not same:
        raise BadProposal("this form proposed something else before: open a new one")


def _keep(
    session: Session, content: Content, *, reason: str, evidence: str, key: str, by: Actor, now: datetime
) -> int | None:
    kind, subject = content.about
    row = {
        "key": key,
        "kind": content.kind,
        "about_kind": kind,
        "about_id": subject,
        "content": dict(content.kept()),
        "cents": content.size.units,
        "reason": reason,
        "evidence": evidence or None,
        "proposed_by": by.name,
        "proposed_by_id": by.operator_id,
        "proposed_at": now,
        "expires_at": now + proposals().proposal_lifetime,
    }
    return session.execute(
        insert(Proposal)
        .values(**row)
        .on_conflict_do_nothing(constraint="proposal_key_once")
        .returning(col(Proposal.proposal_id))
    ).scalar_one_or_none()


def approve(sessions: Sessions, proposal_id: int, *, reason: str, by: Actor, now: datetime) -> Outcome:
    """Approve what another has proposed, and do it: decision, bookings and audit are one transaction.

    The row of a refund is among it, and the sweeper asks the processor. The same person's second approval
    changes nothing.

    raises: ProposalNotFound, MayNotDecide, AlreadyDecided, ProposalExpired; NotPossible, OperatorError or
        BookError if it has become impossible: nothing is decided then
    """
    with _refusals_told(sessions, by, "approved", proposal_id, reason=reason, now=now), sessions() as session:
        found = _decide(session, "approved", proposal_id, reason=reason, by=by, now=now)
        if found.replayed:
            return found
        done = found.standing.content.carry_out(session, Order(proposal_id, found.standing.reason, now))
        after = {
            "decision": "approved",
            "did": done.words,
            "transactions": list(done.transactions),
            "refund_id": done.refund_id,
        }
        _write(session, by, _VERBS["approved"], found.standing, reason=reason, after=after, now=now)
        return replace(found, done=done)


def reject(sessions: Sessions, proposal_id: int, *, reason: str, by: Actor, now: datetime) -> Outcome:
    """Say no to what another has proposed. It can be proposed anew.

    raises: ProposalNotFound, MayNotDecide, AlreadyDecided, ProposalExpired
    """
    return _close(sessions, "rejected", proposal_id, reason=reason, by=by, now=now)


def withdraw(sessions: Sessions, proposal_id: int, *, reason: str, by: Actor, now: datetime) -> Outcome:
    """Take back what one has proposed oneself.

    raises: ProposalNotFound, MayNotDecide, AlreadyDecided, ProposalExpired
    """
    return _close(sessions, "withdrawn", proposal_id, reason=reason, by=by, now=now)


def expire(session: Session, *, now: datetime, limit: int = 100) -> Sequence[int]:
    """Write down of proposals whose time is over that nobody has decided them; their numbers."""
    over = session.exec(
        select(Proposal)
        .outerjoin(ProposalDecision, col(ProposalDecision.proposal_id) == col(Proposal.proposal_id))
        .where(col(ProposalDecision.proposal_id).is_(None), col(Proposal.expires_at) <= now)
        .order_by(col(Proposal.expires_at))
        .limit(limit)
    ).all()
    expired: list[int] = []
    for each in over:
        assert each.proposal_id is not None
        row = {
            **_repeated(shown(session, each.proposal_id, now=now)),
            "decision": "expired",
            "decided_by": HOUSE,
            "decided_by_id": None,
            "reason": "nobody decided it in time",
            "decided_at": now,
        }
        made = session.execute(
            insert(ProposalDecision)
            .values(**row)
            .on_conflict_do_nothing()
            .returning(col(ProposalDecision.proposal_id))
        ).one_or_none()
        if made is not None:
            expired.append(each.proposal_id)
            about = ("proposal", str(each.proposal_id))
            audit.write(session, Actor(HOUSE), "proposal.expire", about=about, now=now)
    return expired


def _close(
    sessions: Sessions, decision: Decision, proposal_id: int, *, reason: str, by: Actor, now: datetime
) -> Outcome:
    with _refusals_told(sessions, by, decision, proposal_id, reason=reason, now=now), sessions() as session:
        found = _decide(session, decision, proposal_id, reason=reason, by=by, now=now)
        if not found.replayed:
            after = {"decision": decision}
            _write(session, by, _VERBS[decision], found.standing, reason=reason, after=after, now=now)
        return found


def _decide(
    session: Session, decision: Decision, proposal_id: int, *, reason: str, by: Actor, now: datetime
) -> Outcome:
    """Write the decision's row: whoever comes second waits here, and then finds it decided."""
    standing = shown(session, proposal_id, now=now)
    _check_may(session, standing, decision, by)
    if standing.decided is not None:
        if (standing.decided.decision, standing.decided.by) == (decision, by.name):
            return Outcome(standing, replayed=True)
        how, who = standing.decided.decision, standing.decided.by
        raise AlreadyDecided(f"proposal {proposal_id} was {how} by {who}")
    if standing.state == "expired":
        until = f"{standing.expires_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        raise ProposalExpired(f"proposal {proposal_id} could be decided until {until}")
    row = {
        **_repeated(standing),
        "decision": decision,
        "decided_by": by.name,
        "decided_by_id": by.operator_id,
        "reason": reason,
        "decided_at": now,
    }
    try:
        session.execute(insert(ProposalDecision).values(**row))
    except DBAPIError as error:
        raise _translated(error, proposal_id) from error
    return Outcome(shown(session, proposal_id, now=now))


def _check_may(session: Session, standing: Standing, decision: Decision, by: Actor) -> None:
    """Ask the operator's row, not the session: somebody may be disabled since it was opened."""
    mine = is_maker(by, standing.proposed_by, standing.proposed_by_id)
    if decision == "withdrawn" and not mine:
        raise MayNotDecide("only who has proposed it withdraws it")
    if decision != "withdrawn" and mine:
        raise MayNotDecide("you have proposed it: somebody else has to decide")
    operator = session.get(Operator, by.operator_id) if by.operator_id is not None else None
    if operator is None or operator.disabled_at is not None:
        raise MayNotDecide("only an operator who may sign in decides")
    if decision != "withdrawn" and (operator.role != "approver" or not by.may("approve")):
        raise MayNotDecide("only approvers decide")


def _repeated(standing: Standing) -> dict[str, object]:
    """What a decision repeats of its proposal, so that the database can compare the two."""
    return {
        "proposal_id": standing.proposal_id,
        "proposed_by": standing.proposed_by,
        "proposed_by_id": standing.proposed_by_id,
        "expires_at": standing.expires_at,
    }


def _translated(error: DBAPIError, proposal_id: int) -> Exception:
    if isinstance(error.orig, postgres.UniqueViolation):
        return AlreadyDecided(f"proposal {proposal_id} was decided at the same moment by somebody else")
    if getattr(error.orig, "sqlstate", "") == "PR902" or isinstance(error.orig, postgres.CheckViolation):
        return MayNotDecide("only an approver decides, who did not propose it, and in time")
    return error


def _refusals_told(
    sessions: Sessions, by: Actor, decision: Decision, proposal_id: int, *, reason: str, now: datetime
) -> AbstractContextManager[None]:
    """Keep in the audit log that somebody wanted to decide and could not."""
    about = ("proposal", str(proposal_id))
    return audit.refusals(
        sessions, by, _VERBS[decision], about=about, refused=MayNotDecide, reason=reason, now=now
    )


def _write(
    session: Session,
    by: Actor,
    action: str,
    standing: Standing,
    *,
    reason: str,
    after: Mapping[str, object],
    now: datetime,
) -> None:
    about = ("proposal", str(standing.proposal_id))
    audit.write(session, by, action, about=about, reason=reason, after=after, now=now)
