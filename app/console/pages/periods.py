"""The close of a month: the list, one month, preparing it, confirming it, and working it out again."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Path
from starlette.responses import Response

from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from ledger import periods
from ledger.errors import NotClosable
from office import audit, close_checks, closing, notes

router = APIRouter()
Written = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
# What reads the whole book is asked for by a form: a page never is that slow.
Asking = Annotated[Visit, allowed("read")]
Preparing = Annotated[Visit, allowed("close_period", step_up=True)]
Confirming = Annotated[Visit, allowed("approve", step_up=True)]
KIND: Final = "period"


@router.get("/periods")
def months(visit: Reading) -> Response:
    """The months, the present one first."""
    with visit.house.sessions() as session:
        listed = closing.months(session, now=visit.now)
        turn = periods.next_to_close(session, now=visit.now)
    return show(visit, "periods/list.html", months=listed, turn=str(turn))


@router.get("/periods/{month}")
def one(visit: Reading, month: Written) -> Response:
    """A month: its close, or what was prepared and what stands against it."""
    found = periods.parse(month)
    with visit.house.sessions() as session:
        closed = closing.of(session, found)
        draft = closed.draft if closed is not None else closing.prepared(session, found)
        checks = [] if closed is not None else close_checks.of_month(session, found, now=visit.now)
        told = notes.listed(session, about=(KIND, month))
        return show(
            visit,
            "periods/one.html",
            month=month,
            closed=closed,
            draft=draft,
            checks=checks,
            over=found.ends_at <= visit.now,
            notes=list(told),
            about=(KIND, month),
        )


@router.post("/periods/{month}/preview")
def preview(visit: Asking, month: Written) -> Response:
    """The report as it would be now. Nothing is kept."""
    found = closing.preview(visit.house.sessions, periods.parse(month), now=visit.now)
    return show(visit, "periods/preview.html", month=month, found=found)


@router.post("/periods/{month}/prepare")
def prepare(visit: Preparing, month: Written, reason: Reason) -> Response:
    """Work the report out and keep it for another person to confirm."""
    draft = closing.prepare(
        visit.house.sessions, periods.parse(month), by=visit.actor, reason=reason, now=visit.now
    )
    return done(visit, _page(month), "It is prepared. Another person has to confirm it.", draft=draft)


@router.post("/periods/{month}/confirm")
def confirm(visit: Confirming, month: Written, draft_id: Annotated[int, Form()]) -> Response:
    """Close the month for ever."""
    wanted = audit.refusals(
        visit.house.sessions,
        visit.actor,
        "period.close",
        about=(KIND, month),
        refused=NotClosable,
        now=visit.now,
    )
    with wanted, visit.house.sessions() as session:
        closed = closing.confirm(session, draft_id, by=visit.actor, now=visit.now)
        if closed.draft.month != month:
            raise NotClosable(f"what was prepared under the number {draft_id} is of {closed.draft.month}")
    return done(visit, _page(month), f"{month} is closed.", closed=closed)


@router.post("/periods/{month}/verify")
def verify(visit: Asking, month: Written) -> Response:
    """Work the report of a closed month out again."""
    verified = closing.verify(visit.house.sessions, periods.parse(month))
    return show(visit, "periods/verified.html", month=month, verified=verified)


def _page(month: str) -> str:
    return f"{PATH}/periods/{month}"
