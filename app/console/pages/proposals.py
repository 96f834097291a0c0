"""Maker and checker: what waits, what it would do, proposing, and deciding what somebody else proposed."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Form, Query
from sqlmodel import col, select
from starlette.responses import Response

from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed, reading
from office.models import AuditRow
from office.proposals import alone, correction, deciding, kinds, policy
from office.proposals import reading as proposals
from office.proposals.content import Kind
from office.proposals.deciding import Outcome
from office.proposals.reading import Standing, State, Wanted
from office.proposals.settings import proposals as settings
from rails import policy_values

router = APIRouter()
Proposing = Annotated[Visit, reading("propose")]
Maker = Annotated[Visit, allowed("propose", step_up=True)]
Checker = Annotated[Visit, allowed("approve", step_up=True)]
Withdrawing = Annotated[Visit, allowed("propose", step_up=True)]
Field = Annotated[str, Form()]
_PAGE: Final = 50
_MOST_PENDING: Final = 200
_TRAIL: Final = 50


@router.get("/proposals")
def everything(
    visit: Reading,
    state: State | None = None,
    kind: Kind | None = None,
    by: str = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """What waits for somebody first, then what was decided; or what a filter asks for."""
    maker = f"operator:{by.strip().lower().removeprefix('operator:')}" if by.strip() else None
    decided = state or "decided"
    with visit.house.sessions() as session:
        wanted = Wanted(state=decided, kind=kind, proposed_by=maker, before=before)
        found = proposals.listed(session, wanted, now=visit.now, limit=_PAGE + 1)
        waiting = Wanted(state="pending", kind=kind, proposed_by=maker)
        first = before is None and state is None
        pending = proposals.listed(session, waiting, now=visit.now, limit=_MOST_PENDING) if first else ()
    return show(
        visit,
        "proposals/list.html",
        pending=[_line(each) for each in pending],
        proposals=[_line(each) for each in found[:_PAGE]],
        next=found[_PAGE - 1].proposal_id if len(found) > _PAGE else None,
        filters={"state": state or "", "kind": kind or "", "by": by},
        first=first,
        kinds=kinds.MEANINGS,
        states=proposals.STATES,
    )


@router.get("/proposals/new")
def form(
    visit: Proposing,
    kind: Kind | None = None,
    agent_id: str = "",
    exception_id: str = "",
    payment_attempt_id: str = "",
    cents: str = "",
    amount: str = "",
    name: str = "",
) -> Response:
    """The form of one kind, filled with what a link says; or the kinds to choose from."""
    with visit.house.sessions() as session:
        left = alone.left_alone(session, visit.actor, visit.now)
        values = {each: policy.current(session, each) for each in policy.NAMES}
        changes = policy_values.history(session) if kind == "policy" else ()
    given = {
        "agent_id": agent_id,
        "exception_id": exception_id,
        "payment_attempt_id": payment_attempt_id,
        "amount": amount or _dollars(cents),
        "name": name,
    }
    return show(
        visit,
        "proposals/new.html",
        kind=kind,
        given=given,
        key=uuid4().hex,
        kinds=kinds.MEANINGS,
        needs_evidence=kind in kinds.WITH_EVIDENCE,
        accounts=correction.ACCOUNTS,
        policies=policy.NAMES,
        values=values,
        changes=changes,
        left_alone=left,
        hours=settings().proposal_hours,
    )


@router.post("/proposals/adjustment")
def adjust(
    visit: Maker,
    agent_id: Field,
    direction: Field,
    credits: Field,
    evidence: Field,
    reason: Reason,
    lapse_after: Field = "",
    key: Field = "",
) -> Response:
    """Propose to give an agent credits, or to take some away."""
    fields = {
        "agent_id": agent_id,
        "direction": direction,
        "credits": credits,
        "lapse_after": lapse_after,
    }
    return _propose(visit, "adjustment", fields, reason=reason, evidence=evidence, key=key)


@router.post("/proposals/correction")
def correct(
    visit: Maker,
    source: Field,
    target: Field,
    amount: Field,
    evidence: Field,
    reason: Reason,
    key: Field = "",
) -> Response:
    """Propose to move money between house accounts."""
    fields = {"source": source, "target": target, "amount": amount}
    return _propose(visit, "correction", fields, reason=reason, evidence=evidence, key=key)


@router.post("/proposals/write_off")
def write_off(
    visit: Maker, exception_id: Field, reason: Reason, evidence: Field = "", key: Field = ""
) -> Response:
    """Propose to close an exception without credits."""
    fields = {"exception_id": exception_id}
    return _propose(visit, "write_off", fields, reason=reason, evidence=evidence, key=key)


@router.post("/proposals/refund")
def refund(
    visit: Maker,
    reason: Reason,
    payment_attempt_id: Field = "",
    amount: Field = "",
    exception_id: Field = "",
    evidence: Field = "",
    key: Field = "",
) -> Response:
    """Propose to send money of a payment back, or the charge that an exception is about."""
    fields = {
        "payment_attempt_id": payment_attempt_id,
        "amount": amount,
        "exception_id": exception_id,
    }
    return _propose(visit, "refund", fields, reason=reason, evidence=evidence, key=key)


@router.post("/proposals/take_back")
def take_back(
    visit: Maker, exception_id: Field, evidence: Field, reason: Reason, key: Field = ""
) -> Response:
    """Propose to take back credits whose money the chain took back."""
    fields = {"exception_id": exception_id}
    return _propose(visit, "take_back", fields, reason=reason, evidence=evidence, key=key)


@router.post("/proposals/policy")
def change_policy(
    visit: Maker,
    name: Field,
    reason: Reason,
    outcome: Field = "",
    amount: Field = "",
    evidence: Field = "",
    key: Field = "",
) -> Response:
    """Propose another value of a policy."""
    fields = {"name": name, "outcome": outcome, "amount": amount}
    return _propose(visit, "policy", fields, reason=reason, evidence=evidence, key=key)


@router.get("/proposals/{proposal_id}")
def one(visit: Reading, proposal_id: int) -> Response:
    """What exactly would be booked, or was; by whom, why, and who may decide it."""
    with visit.house.sessions() as session:
        standing = proposals.shown(session, proposal_id, now=visit.now)
        trail = session.exec(
            select(AuditRow)
            .where(AuditRow.about_kind == "proposal", AuditRow.about_id == str(proposal_id))
            .order_by(col(AuditRow.audit_id).desc())
            .limit(_TRAIL)
        ).all()
        waits = standing.state == "pending"
        rehearsal = proposals.rehearse(session, standing.content, now=visit.now) if waits else None
        effect = proposals.effect(session, standing) if standing.state == "approved" else None
    return show(
        visit,
        "proposals/one.html",
        proposal=standing,
        about=_subject(standing),
        rehearsal=rehearsal,
        effect=effect,
        why_not=standing.why_not(visit.actor),
        may_withdraw=waits and _is_mine(visit, standing) and visit.may("propose"),
        trail=[_told(row) for row in trail],
    )


@router.post("/proposals/{proposal_id}/approve")
def approve(visit: Checker, proposal_id: int, reason: Reason) -> Response:
    """Approve what somebody else proposed, and have it done."""
    found = deciding.approve(visit.house.sessions, proposal_id, reason=reason, by=visit.actor, now=visit.now)
    did = f": {found.done.words}" if found.done is not None else ""
    return _decided(visit, found, f"Approved{did}.")


@router.post("/proposals/{proposal_id}/reject")
def reject(visit: Checker, proposal_id: int, reason: Reason) -> Response:
    """Say no to what somebody else proposed."""
    found = deciding.reject(visit.house.sessions, proposal_id, reason=reason, by=visit.actor, now=visit.now)
    return _decided(visit, found, "Rejected; nothing was done.")


@router.post("/proposals/{proposal_id}/withdraw")
def withdraw(visit: Withdrawing, proposal_id: int, reason: Reason) -> Response:
    """Take back what one proposed oneself."""
    found = deciding.withdraw(visit.house.sessions, proposal_id, reason=reason, by=visit.actor, now=visit.now)
    return _decided(visit, found, "Withdrawn; nothing was done.")


def _propose(
    visit: Visit, kind: Kind, fields: dict[str, str], *, reason: str, evidence: str, key: str
) -> Response:
    with visit.house.sessions() as session:
        made = deciding.propose(
            session,
            kind=kind,
            fields=fields,
            reason=reason,
            evidence=evidence,
            key=key.strip() or uuid4().hex,
            by=visit.actor,
            now=visit.now,
        ).standing
    said = f"Proposal {made.proposal_id} waits for somebody else's approval."
    return done(visit, f"{PATH}/proposals/{made.proposal_id}", said, proposal_id=made.proposal_id)


def _decided(visit: Visit, found: Outcome, said: str) -> Response:
    standing = found.standing
    told = "It was decided so before." if found.replayed else said
    transactions = found.done.transactions if found.done is not None else ()
    return done(
        visit,
        f"{PATH}/proposals/{standing.proposal_id}",
        told,
        proposal_id=standing.proposal_id,
        state=standing.state,
        transactions=transactions,
    )


def _line(standing: Standing) -> dict[str, object]:
    """A proposal in a list."""
    return {
        "proposal_id": standing.proposal_id,
        "state": standing.state,
        "kind": standing.kind,
        "title": standing.title,
        "size": standing.content.size,
        "proposed_by": standing.proposed_by,
        "proposed_at": standing.proposed_at,
        "age": standing.age,
        "time_left": standing.time_left,
        "decided_by": standing.decided.by if standing.decided is not None else None,
        "decided_at": standing.decided.at if standing.decided is not None else None,
    }


def _told(row: AuditRow) -> dict[str, object]:
    """A line of what was done about a proposal."""
    why = row.reason
    if row.outcome != "done" and row.after:
        why = f"{why} — {row.after.get('error', '')}" if why else str(row.after.get("error", ""))
    return {"at": row.at, "actor": row.actor, "action": row.action, "outcome": row.outcome, "why": why}


def _subject(standing: Standing) -> dict[str, str]:
    """What a proposal is about, and the page of it, if there is one."""
    kind, subject = standing.content.about
    pages = {
        "agent": f"{PATH}/agents/{subject}",
        "exception": f"{PATH}/exceptions/{subject}",
        "payment_attempt": f"{PATH}/purchases/{subject}",
    }
    return {"kind": kind, "id": subject, "page": pages.get(kind, "")}


def _is_mine(visit: Visit, standing: Standing) -> bool:
    return proposals.is_maker(visit.actor, standing.proposed_by, standing.proposed_by_id)


def _dollars(cents: str) -> str:
    """What a link says in cents, as the form says it; nothing if it is no number."""
    try:
        return f"{Decimal(int(cents)) / 100:.2f}" if cents else ""
    except (ValueError, InvalidOperation):
        return ""
