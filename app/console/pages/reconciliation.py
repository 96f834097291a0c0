"""Reconciliation: days by each witness, the items of one, an item with its history, and the run."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from app.console.errors import BadForm
from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import audit, notes, reconciliation
from rails.reconciliation import progress
from workers import wakeups

router = APIRouter()
Running = Annotated[Visit, allowed("reconcile")]
Explaining = Annotated[Visit, allowed("resolve", step_up=True)]
KIND = "reconciliation_item"


@router.get("/reconciliation")
def days(visit: Reading, after: date | None = None) -> Response:
    """The days, the newest first, what is at work, and the breaks that are open."""
    with visit.house.sessions() as session:
        return show(
            visit,
            "reconciliation/days.html",
            days=reconciliation.days(session, before=after),
            breaks=reconciliation.open_breaks(session, now=visit.now) if after is None else (),
            runs=reconciliation.runs(session) if after is None else (),
            at_work=progress.at_work(session, now=visit.now),
        )


@router.get("/reconciliation/progress")
def at_work(visit: Reading) -> Response:
    """What the run at work does now: a part of the page, asked for again and again while one is."""
    with visit.house.sessions() as session:
        found = progress.at_work(session, now=visit.now)
    return show(visit, "reconciliation/_progress.html", at_work=found)


@router.post("/reconciliation/run")
def run(visit: Running) -> Response:
    """Have a run begin now, unless one is at work."""
    with visit.house.sessions() as session:
        busy = progress.at_work(session, now=visit.now) is not None
        about = ("reconciliation", "run")
        # How it ends is told by the run itself.
        told = {"was_at_work": busy}
        audit.write(session, visit.actor, "reconciliation.run", about=about, after=told, now=visit.now)
    if busy:
        said = "A run is at work already."
    elif wakeups.reconcile():
        said = "A run begins. What it does is shown here."
    else:
        said = "The queue does not answer: the run waits for its time."
    return done(visit, f"{PATH}/reconciliation", said)


@router.get("/reconciliation/items/{item_id}")
def item(visit: Reading, item_id: int) -> Response:
    """One item: both amounts, every state it was in, and what may be done about it."""
    with visit.house.sessions() as session:
        found = reconciliation.item(session, item_id, now=visit.now)
        told = notes.listed(session, about=(KIND, str(item_id)))
        return show(
            visit, "reconciliation/item.html", found=found, notes=list(told), about=(KIND, str(item_id))
        )


@router.post("/reconciliation/items/{item_id}/explain")
def explain(visit: Explaining, item_id: int, reason: Reason) -> Response:
    """Close a break by hand: the difference is as it should be."""
    with visit.house.sessions() as session:
        reconciliation.explain(session, item_id, reason=reason, by=visit.actor, now=visit.now)
    return done(
        visit,
        f"{PATH}/reconciliation/items/{item_id}",
        "It is explained. It is told again only if its amounts change.",
    )


@router.get("/reconciliation/{day}")
def one_day(visit: Reading, day: date, state: str = "", after: int | None = None) -> Response:
    """One day by each witness, and its items of one state, or all."""
    if state and state not in reconciliation.STATES:
        raise BadForm(f"there is no state {state}")
    with visit.house.sessions() as session:
        found = reconciliation.day(session, day, state=state or None, after=after, now=visit.now)
    return show(
        visit,
        "reconciliation/day.html",
        day=day,
        found=found,
        wanted=state,
        states=reconciliation.STATES,
    )
