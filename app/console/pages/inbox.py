"""The inbox: webhooks that came, what became of them, and what is done with those that broke."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import notice_desk, notice_queue
from office.notice_queue import KIND, STATES, Order, State

router = APIRouter()
Replaying = Annotated[Visit, allowed("replay")]
Ignoring = Annotated[Visit, allowed("ignore")]
NoticeId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/inbox")
def inbox(
    visit: Reading,
    state: State = "dead",
    kind: Annotated[str, Query(max_length=200)] = "",
    order: Order = "newest",
    after: str | None = None,
) -> Response:
    """The notices of a state, of all types or of those that begin so."""
    with visit.house.sessions() as session:
        page = notice_queue.listed(session, state=state, kind=kind.strip(), order=order, after=after)
        counts = notice_queue.counts(session)
        recovery = notice_queue.recovery(session)
    return show(
        visit,
        "inbox/list.html",
        lines=page.lines,
        more=page.more,
        wanted={"state": state, "kind": kind, "order": order},
        states=STATES,
        counts={each.state: each for each in counts},
        recovery=recovery,
    )


@router.post("/inbox/replay-dead")
def replay_dead(visit: Replaying, reason: Reason) -> Response:
    """Have the dead ones handled anew."""
    with visit.house.sessions() as session:
        dead = notice_desk.replay_dead(session, reason=reason, by=visit.actor, now=visit.now)
        numbers = [each.notice_id for each in dead]
    said = f"{len(numbers)} to be handled anew; the workers take them within seconds."
    return done(visit, f"{PATH}/inbox?state=waiting", said, replayed=numbers)


@router.get("/inbox/{notice_id}")
def one(visit: Reading, notice_id: NoticeId) -> Response:
    """One notice, what it mentions and what was sent."""
    with visit.house.sessions() as session:
        notice = notice_queue.shown(session, notice_id)
    return show(visit, "inbox/one.html", notice=notice, notes=notice.notes, about=(KIND, str(notice_id)))


@router.post("/inbox/{notice_id}/replay")
def replay(visit: Replaying, notice_id: NoticeId, reason: Reason) -> Response:
    """Have it handled anew, as if it had come just now."""
    with visit.house.sessions() as session:
        notice_desk.replay(session, notice_id, reason=reason, by=visit.actor, now=visit.now)
    return done(visit, _page(notice_id), "It is handled anew; the workers take it within seconds.")


@router.post("/inbox/{notice_id}/ignore")
def ignore(visit: Ignoring, notice_id: NoticeId, reason: Reason) -> Response:
    """Have nobody look at it again."""
    with visit.house.sessions() as session:
        notice_desk.ignore(session, notice_id, reason=reason, by=visit.actor, now=visit.now)
    return done(visit, _page(notice_id), "It is ignored.")


def _page(notice_id: int) -> str:
    return f"{PATH}/inbox/{notice_id}"
