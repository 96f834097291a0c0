"""Who takes care of something: taken on, handed over, given back. The newest turn counts; all stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session, col, select

from office import audit, errors, operators
from office.actor import Actor
from office.audit import About
from office.models import Assignment
from office.roles import may


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose something is, since when, and how many turns it took. Nobody's if `owner` is None."""

    owner: str | None
    turn: int
    since: datetime | None


NOBODYS: Final = Owned(None, 0, None)
_OPERATOR: Final = "operator:"


def of(session: Session, *, about: About) -> Owned:
    """Whose something is."""
    kind, subject = about
    return of_many(session, kind=kind, ids=[subject]).get(subject, NOBODYS)


def of_many(session: Session, *, kind: str, ids: Sequence[str]) -> Mapping[str, Owned]:
    """Whose each of these is; one that nobody ever had is not in it."""
    newest = session.exec(
        select(Assignment)
        .ext(distinct_on(col(Assignment.about_id)))
        .where(Assignment.about_kind == kind, col(Assignment.about_id).in_(ids))
        .order_by(col(Assignment.about_id), col(Assignment.turn).desc())
    )
    return {each.about_id: Owned(each.owner, each.turn, each.assigned_at) for each in newest}


def history(session: Session, *, about: About) -> Sequence[Assignment]:
    """Every turn, in order."""
    kind, subject = about
    return session.exec(
        select(Assignment)
        .where(Assignment.about_kind == kind, Assignment.about_id == subject)
        .order_by(col(Assignment.turn))
    ).all()


def assign(
    session: Session, *, about: About, owner: str | None, turn: int, by: Actor, now: datetime
) -> Owned:
    """Make `owner` take care of something, or nobody if None. `turn` is how many turns the caller saw.

    raises: OwnerChanged if it was somebody else's turn meanwhile, NoSuchOwner
    """
    if owner is not None and owner != by.name:
        _check_operator(session, owner)
    before = of(session, about=about)
    if before.turn != turn:
        raise _changed(before)
    kind, subject = about
    written = session.execute(
        insert(Assignment)
        .values(
            about_kind=kind,
            about_id=subject,
            turn=turn + 1,
            owner=owner,
            assigned_by=by.name,
            assigned_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(Assignment.turn))
    )
    if written.one_or_none() is None:
        raise _changed(of(session, about=about))
    audit.write(
        session,
        by,
        f"{kind}.assign",
        about=about,
        before={"owner": before.owner},
        after={"owner": owner},
        now=now,
    )
    return Owned(owner, turn + 1, now)


def held(session: Session, *, kind: str, owner: str) -> Sequence[str]:
    """The ids of everything of a kind that is this owner's now."""
    ever = (
        select(col(Assignment.about_id))
        .where(Assignment.about_kind == kind, Assignment.owner == owner)
        .distinct()
    )
    mine = of_many(session, kind=kind, ids=session.exec(ever).all())
    return [subject for subject, owned in mine.items() if owned.owner == owner]


def _check_operator(session: Session, owner: str) -> None:
    """raises: NoSuchOwner"""
    found = (
        operators.by_email(session, owner.removeprefix(_OPERATOR)) if owner.startswith(_OPERATOR) else None
    )
    if found is None or found.disabled_at is not None or not may(operators.role_of(found), "note"):
        raise errors.NoSuchOwner(f"nobody who can take it is called {owner}")


def _changed(now_owned: Owned) -> errors.OwnerChanged:
    who = now_owned.owner or "nobody"
    return errors.OwnerChanged(f"it went to {who} meanwhile: look at it again")
