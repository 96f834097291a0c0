"""Notes about whatever has a page: every page that shows them has the same form."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.console.show import back, done
from app.console.visit import Visit, allowed
from office import notes

router = APIRouter()
Kind = Literal[
    "exception", "notice", "delivery", "purchase", "agent", "reconciliation_item", "period", "proposal"
]


@router.post("/notes")
def write(
    visit: Annotated[Visit, allowed("note")],
    about_kind: Annotated[Kind, Form()],
    about_id: Annotated[str, Form(min_length=1, max_length=200)],
    said: Annotated[str, Form(max_length=notes.LONGEST)],
) -> Response:
    """Keep a note, and go back to where it was written."""
    with visit.house.sessions() as session:
        note = notes.write(session, about=(about_kind, about_id), said=said, by=visit.actor, now=visit.now)
        note_id = note.note_id
    return done(visit, back(visit.request), "The note is kept.", note_id=note_id)
