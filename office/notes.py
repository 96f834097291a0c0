"""Notes: what operators say of an exception, a purchase, an agent, or whatever has a page. Only added to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from office import audit, errors
from office.actor import Actor
from office.audit import About
from office.models import Note
from rails import redaction

LONGEST: Final = 4000


def write(session: Session, *, about: About, said: str, by: Actor, now: datetime) -> Note:
    """Keep a note. Keys and tokens that somebody pasted into it are not kept.

    raises: SayWhy if it says nothing or too much
    """
    text = redaction.hide_secrets(said.strip())
    if not text or len(text) > LONGEST:
        raise errors.SayWhy(f"a note says something, in at most {LONGEST} characters")
    kind, subject = about
    note = Note(about_kind=kind, about_id=subject, said=text, author=by.name, written_at=now)
    session.add(note)
    session.flush()
    audit.write(session, by, "note.write", about=about, after={"note_id": note.note_id}, now=now)
    return note


def listed(session: Session, *, about: About, limit: int = 200) -> Sequence[Note]:
    """The newest notes about something, the newest first."""
    kind, subject = about
    return session.exec(
        select(Note)
        .where(Note.about_kind == kind, Note.about_id == subject)
        .order_by(col(Note.note_id).desc())
        .limit(limit)
    ).all()
