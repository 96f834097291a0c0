"""Agents: who they are, what they have and had, where it came from, and where it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import Response

from app.console.errors import BadForm, NoSuchPage
from app.console.moments import moment, typed
from app.console.show import show
from app.console.visit import Reading, Visit
from ledger import balances, chart, freezes, history, holds, lots, statements
from ledger.errors import UnknownAccount
from ledger.history import Held
from ledger.statements import Position, Statement
from office import agents, notes
from office.agents import AgentPage, By
from rails import activity, receipts, spending

router = APIRouter(prefix="/agents")
MOST: Final = 50
LINES: Final = 100
EVENTS: Final = 100
POINTS: Final = 61
DAYS: Final = (1, 7, 30, 90, 365)
Older = Annotated[int | None, Query(ge=1, le=2**62)]
Subject = Literal["", "payment", "credit", "usage"]


@dataclass(frozen=True, slots=True)
class Knocks:
    """How often one agent may knock, of one kind of request."""

    kind: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class PreviewJobs:
    """Jobs that an agent without bought credits began on its free ones today, and how many it may."""

    used: int
    limit: int


@router.get("")
def listed(
    visit: Reading,
    by: By = "name",
    q: Annotated[str, Query(max_length=200)] = "",
    frozen: bool = False,
    after: str | None = None,
) -> Response:
    """All agents, or those whose name or contact begins so, or who may not spend."""
    with visit.house.sessions() as session:
        page = _found(session, by=by, q=q.strip(), frozen=frozen, after=after)
    return show(visit, "agents/list.html", by=by, q=q, frozen=frozen, agents=page.agents, next=page.next)


def _found(session: Session, *, by: By, q: str, frozen: bool, after: str | None) -> AgentPage:
    if frozen:
        return agents.frozen(session, most=MOST, after=after, by=by, beginning=q)
    if q:
        return agents.beginning(session, by=by, beginning=q, most=MOST, after=after)
    return agents.newest(session, most=MOST, after=after)


@router.get("/{agent_id}")
def overview(visit: Reading, agent_id: str, at: str = "", days: int = 30) -> Response:
    """What the agent has and had, what it may spend and buy today, and what keeps it from doing so."""
    wanted = moment(at, name="at")
    if wanted is not None and wanted > visit.now:
        raise BadForm("at: a moment that has come")
    if days not in DAYS:
        raise BadForm(f"days: one of {', '.join(map(str, DAYS))}")
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        course = _course(session, agent_id, begins_at=visit.now - timedelta(days=days), ends_at=visit.now)
        told: dict[str, Any] = {
            "then": _then(session, agent_id, wanted) if wanted is not None else None,
            "allowance": spending.allowance(session, agent_id=agent_id, now=visit.now),
            "preview": _preview(visit, session, agent_id),
            "freezes": freezes.standing(session, agent_id=agent_id) if profile.standing.frozen else [],
            "next_used": lots.next_used(session, agent_id=agent_id, most=5) if course else [],
            "notes": notes.listed(session, about=("agent", agent_id)),
        }
    due_at = profile.standing.due_at
    return show(
        visit,
        "agents/overview.html",
        agent=profile,
        **told,
        about=("agent", agent_id),
        knocks=_knocks(visit),
        overdue=due_at is not None and due_at <= visit.now,
        course=course,
        drawn=_drawn(course),
        days=days,
        all_days=DAYS,
        at=at,
    )


def _then(session: Session, agent_id: str, at: datetime) -> Held | None:
    try:
        return history.balance_at(session, account=chart.agent(agent_id), at=at)
    except UnknownAccount:
        return None


def _course(session: Session, agent_id: str, *, begins_at: datetime, ends_at: datetime) -> Sequence[Held]:
    account = chart.agent(agent_id)
    return history.course(session, account=account, begins_at=begins_at, ends_at=ends_at, points=POINTS)


def _drawn(course: Sequence[Held]) -> dict[str, Any]:
    return {
        "x": [int(each.at.timestamp()) for each in course],
        "series": [
            {"label": "posted", "values": [each.posted.units for each in course]},
            {"label": "available", "values": [each.available.units for each in course]},
        ],
        "unit": "CREDIT",
        "time": True,
    }


def _preview(visit: Visit, session: Session, agent_id: str) -> PreviewJobs:
    today = visit.now.astimezone(UTC).date()
    used = balances.preview_jobs(session, agent_id=agent_id, day=today)
    return PreviewJobs(used, visit.house.settings.preview_daily_jobs)


def _knocks(visit: Visit) -> list[Knocks]:
    of_agents = ("status", "quote", "purchase", "other")
    return [
        Knocks(rule.kind, rule.most, rule.seconds)
        for rule in visit.house.limits.rules
        if rule.kind in of_agents
    ]


@router.get("/{agent_id}/lots")
def all_lots(visit: Reading, agent_id: str, before: Older = None) -> Response:
    """Every grant, what is left of it, and when that lapses."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        page = lots.newest(session, agent_id=agent_id, most=MOST, before=before)
        bought = _purchases_of(session, [lot.transaction_id for lot in page.lots])
    return show(visit, "agents/lots.html", agent=profile, lots=page.lots, next=page.next, bought=bought)


@router.get("/{agent_id}/lots/{lot_id}")
def one_lot(visit: Reading, agent_id: str, lot_id: int, before: Older = None) -> Response:
    """What the credits of one grant were used for."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        lot = lots.one(session, agent_id=agent_id, lot_id=lot_id)
        if lot is None:
            raise NoSuchPage("this agent has no such lot")
        step = lots.changes(session, agent_id=agent_id, lot_id=lot_id, most=MOST, before=before)
        bought = _purchases_of(session, [lot.transaction_id])
    return show(
        visit,
        "agents/lot.html",
        agent=profile,
        lot=lot,
        changes=step.found,
        next=step.next,
        bought=bought,
    )


@router.get("/{agent_id}/holds")
def open_holds(visit: Reading, agent_id: str, after: str | None = None) -> Response:
    """The holds that stand, those that run out first at the beginning."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        page = holds.standing(session, agent_id=agent_id, most=MOST, after=after)
    return show(visit, "agents/holds.html", agent=profile, holds=page.holds, next=page.next, ended=False)


@router.get("/{agent_id}/holds/all")
def placed_holds(visit: Reading, agent_id: str, before: Older = None) -> Response:
    """Every hold that was placed, ended ones too, the newest first."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        step = holds.placed(session, agent_id=agent_id, most=MOST, before=before)
    return show(visit, "agents/holds.html", agent=profile, holds=step.found, next=step.next, ended=True)


@router.get("/{agent_id}/statement")
def statement(
    visit: Reading,
    agent_id: str,
    since: str = "",
    until: str = "",
    after: str = "",
) -> Response:
    """Opening, every entry, and closing of a period."""
    begins_at, ends_at = _period(visit, since, until)
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        page = _statement(session, agent_id, begins_at=begins_at, ends_at=ends_at, after=after)
        lines = page.lines if page is not None else ()
        bought = _purchases_of(session, [line.transaction_id for line in lines])
    return show(
        visit,
        "agents/statement.html",
        agent=profile,
        begins_at=begins_at,
        ends_at=ends_at,
        period={"since": typed(begins_at), "until": typed(ends_at)},
        statement=page,
        next=str(page.next) if page is not None and page.next is not None else None,
        first=not after,
        bought=bought,
    )


def _period(visit: Visit, since: str, until: str) -> tuple[datetime, datetime]:
    """The days that were asked for; the last thirty if none were."""
    today = visit.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends_at = moment(until, name="until") or today + timedelta(days=1)
    return moment(since, name="since") or ends_at - timedelta(days=31), ends_at


def _statement(
    session: Session, agent_id: str, *, begins_at: datetime, ends_at: datetime, after: str
) -> Statement | None:
    try:
        return statements.page(
            session,
            account=chart.agent(agent_id),
            begins_at=begins_at,
            ends_at=ends_at,
            after=Position.parse(after) if after else None,
            most=LINES,
        )
    except UnknownAccount:
        return None


@router.get("/{agent_id}/activity")
def events(visit: Reading, agent_id: str, subject: Subject = "") -> Response:
    """What the agent itself reads of its history, the newest events."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        found = activity.newest(session, agent_id=agent_id, limit=EVENTS, subject=subject or None)
    return show(visit, "agents/activity.html", agent=profile, events=found, subject=subject, most=EVENTS)


@router.get("/{agent_id}/purchases")
def purchases(visit: Reading, agent_id: str, after: str | None = None) -> Response:
    """What the agent bought, or tried to, the newest first."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        found, next_ = agents.purchases(session, agent_id=agent_id, most=MOST, after=after)
    return show(visit, "agents/purchases.html", agent=profile, purchases=found, next=next_)


@router.get("/{agent_id}/tokens")
def tokens(visit: Reading, agent_id: str) -> Response:
    """When its tokens were made and revoked; never a token or its hash."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        found = agents.issued(session, agent_id=agent_id, most=EVENTS)
    return show(visit, "agents/tokens.html", agent=profile, tokens=found, most=EVENTS)


@router.get("/{agent_id}/claims")
def claims(visit: Reading, agent_id: str) -> Response:
    """The inboxes that the agent asked to be claimed by."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        found = agents.claims(session, agent_id=agent_id, most=EVENTS)
    return show(visit, "agents/claims.html", agent=profile, claims=found, most=EVENTS)


@router.get("/{agent_id}/freezes")
def all_freezes(visit: Reading, agent_id: str, before: Older = None) -> Response:
    """Every freeze, who made it and who lifted it."""
    with visit.house.sessions() as session:
        profile = agents.profile(session, agent_id=agent_id)
        found = freezes.newest(session, agent_id=agent_id, most=MOST + 1, before=before)
    next_ = found[MOST - 1].freeze.freeze_id if len(found) > MOST else None
    return show(visit, "agents/freezes.html", agent=profile, freezes=found[:MOST], next=next_)


def _purchases_of(session: Session, transaction_ids: Sequence[int]) -> dict[int, str]:
    """Which purchase each of these transactions belongs to."""
    found = receipts.of_transactions(session, transaction_ids)
    return {number: receipt.payment_attempt_id for number, receipt in found.items()}
