"""The audit log: who did what to what, when, and how it was before and after."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app.console.show import PATH, show
from app.console.visit import Reading, Visit
from office import trail
from office.exports.scope import day
from office.trail import Entry, Place, Wanted

router = APIRouter()
_UNANSWERED: Final = "unanswered"
# Where what an entry is about has a page of its own.
_PAGES: Final = {
    "agent": "/agents/{}",
    "exception": "/exceptions/{}",
    "export": "/exports",
    "notice": "/inbox/{}",
    "operator": "/operators/{}",
    "purchase": "/purchases/{}",
    "proposal": "/proposals/{}",
}


@router.get("/audit")
def listed(
    visit: Reading,
    who: str = "",
    action: str = "",
    kind: str = "",
    about: str = "",
    outcome: str = "",
    whose: str = "",
    begins: str = "",
    ends: str = "",
    after: str = "",
) -> Response:
    """What was done, the newest first."""
    wanted = Wanted(
        actor=_word(who),
        action=_word(action),
        about_kind=_word(kind),
        about_id=_word(about),
        outcome=outcome if outcome in trail.OUTCOMES else None,
        unanswered_at=visit.now - trail.UNDER_WAY_FOR if outcome == _UNANSWERED else None,
        whose="people" if whose == "people" else "service" if whose == "service" else None,
        begins_at=day(begins),
        ends_at=day(ends),
    )
    with visit.house.sessions() as session:
        found = trail.page(session, wanted, after=Place.parse(after) if after else None)
    return show(
        visit,
        "audit/list.html",
        entries=found.entries,
        next=found.next,
        links={f"{each.about_kind}:{each.about_id}": _page(each, visit) for each in found.entries},
        outcomes=[
            ("", "any"),
            *((each, each) for each in trail.OUTCOMES),
            (_UNANSWERED, "asked, and never ended"),
        ],
        filters={
            "who": who,
            "action": action,
            "kind": kind,
            "about": about,
            "outcome": outcome,
            "whose": whose,
        },
        period={"begins": begins, "ends": ends},
    )


def _word(given: str) -> str | None:
    """What was typed, without what no name can have."""
    return "".join(letter for letter in given if letter.isprintable()).strip()[:2000] or None


def _page(entry: Entry, visit: Visit) -> str:
    if entry.about_kind == "operator" and not visit.may("operators"):
        return ""
    page = _PAGES.get(entry.about_kind)
    return f"{PATH}{page.format(entry.about_id)}" if page and entry.about_id.isprintable() else ""
