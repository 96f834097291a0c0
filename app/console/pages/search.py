"""One box that finds anything by what somebody knows of it."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.console import links
from app.console.show import show, wants_json
from app.console.visit import Reading
from office import search
from office.found import Found

router = APIRouter()


@router.get("/search")
def results(visit: Reading, q: str = "") -> Response:
    """What the words name: its own page if it is one thing, else a list of what each is."""
    with visit.house.sessions() as session:
        answer = search.search(session, q)
    to = links.to(answer.only.kind, answer.only.key) if answer.only is not None else None
    if to is not None and not wants_json(visit.request):
        return RedirectResponse(to, 303)
    return show(
        visit,
        "search/results.html",
        q=answer.query,
        groups=_grouped(answer.found),
        location=to,
        understood=search.UNDERSTOOD,
    )


@router.get("/search/suggestions")
def suggestions(visit: Reading, q: str = "") -> Response:
    """A few things to go to while somebody types."""
    with visit.house.sessions() as session:
        found = search.suggest(session, q)
    return show(visit, "search/_suggestions.html", q=q, found=found)


def _grouped(found: Sequence[Found]) -> Mapping[str, Sequence[Found]]:
    return {kind: list(each) for kind, each in groupby(found, key=lambda each: each.kind)}
