"""The queue of exceptions: what each is about and worth, how old, whose, and what is to be done next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Text, cast, false, tuple_
from sqlmodel import Session, col, select

from ledger.money import USD, Amount
from office import owners, places
from office.models import Assignment
from office.owners import NOBODYS, Owned
from rails import exceptions, kinds, promises, resolutions
from rails.choices import Action, Choice, Situation, choices
from rails.exceptions import Line, Wanted
from rails.models import ExceptionAction, PaymentException, Receipt
from rails.resolutions import Locked

KIND: Final = "exception"
NOBODY: Final = "nobody"
"""As the owner that is wanted: those that nobody has taken."""
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Queued:
    """An exception in the queue. `worth` is what nobody has decided about yet, or what was decided."""

    exception_id: int
    kind: str
    meaning: str
    late: bool
    state: str
    agent_id: str | None
    payment_attempt_id: str | None
    rail_id: str | None
    subject: str | None
    detail: str | None
    expected: Amount
    received: Amount
    difference: Amount
    worth: Amount | None
    owner: str | None
    next_step: str
    opened_at: datetime
    age: timedelta
    wait_until: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and where the next begin; None if these are the last."""

    lines: tuple[Queued, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database tells of several exceptions at once; a closed one has no situation any more."""

    owned: Mapping[str, Owned]
    decided: Mapping[int, ExceptionAction]
    situations: Mapping[int, Situation]


def listed(
    session: Session,
    wanted: Wanted,
    *,
    owner: str | None = None,
    after: str | None = None,
    now: datetime,
    limit: int = PAGE,
) -> Page:
    """A page of what is wanted, the oldest first. `owner` is an operator's name, or NOBODY.

    raises: BadPlace
    """
    query = exceptions.chosen(wanted, now=now)
    if owner is not None:
        query = query.where(_is_of(session, owner))
    if after is not None:
        query = query.where(tuple_(*exceptions.IN_TIME) > places.read(after, datetime, int))
    found = [
        Line(item, attempt, now)
        for item, attempt in session.exec(query.order_by(*exceptions.IN_TIME).limit(limit + 1))
    ]
    shown = found[:limit]
    more = places.after(shown[-1].item.opened_at, shown[-1].exception_id) if len(found) > limit else None
    return Page(queued(session, shown), more)


def queued(session: Session, lines: Sequence[Line]) -> tuple[Queued, ...]:
    """Lines with what each is worth and what is next, asked for all of them at once."""
    known = _known(session, lines)
    return tuple(_queued(line, known) for line in lines)


def _known(session: Session, lines: Sequence[Line]) -> _Known:
    ids = [line.exception_id for line in lines]
    decided = session.exec(
        select(ExceptionAction).where(
            col(ExceptionAction.exception_id).in_(ids), col(ExceptionAction.action).not_in(("wait", "claim"))
        )
    )
    attempts = [line.item.payment_attempt_id for line in lines if line.item.payment_attempt_id]
    rows = session.exec(select(Receipt).where(col(Receipt.payment_attempt_id).in_(attempts)))
    receipts = {each.payment_attempt_id: each for each in rows}
    still = [line for line in lines if line.item.closed_at is None]
    found = resolutions.situations(
        session,
        [Locked(line.item, line.attempt, receipts.get(line.item.payment_attempt_id or "")) for line in still],
    )
    return _Known(
        owners.of_many(session, kind=KIND, ids=[str(each) for each in ids]),
        {each.exception_id: each for each in decided},
        {line.exception_id: each for line, each in zip(still, found, strict=True)},
    )


def _queued(line: Line, known: _Known) -> Queued:
    item, attempt = line.item, line.attempt
    decided = known.decided.get(line.exception_id)
    found = known.situations.get(line.exception_id)
    return Queued(
        exception_id=line.exception_id,
        kind=item.kind,
        meaning=kinds.MEANINGS[item.kind],
        late=item.late,
        state=line.state,
        agent_id=item.agent_id,
        payment_attempt_id=item.payment_attempt_id,
        rail_id=attempt.rail_id if attempt is not None else None,
        subject=item.subject,
        detail=item.detail,
        expected=line.expected,
        received=line.received,
        difference=line.difference,
        worth=_worth(line, found, decided),
        owner=known.owned.get(str(line.exception_id), NOBODYS).owner,
        next_step=_next_step(line, found, decided),
        opened_at=item.opened_at,
        age=line.age,
        wait_until=item.wait_until,
        closed_at=item.closed_at,
        closed_by=item.closed_by,
        resolution=item.resolution,
    )


def _is_of(session: Session, owner: str) -> ColumnElement[bool]:
    if owner == NOBODY:
        newest = (
            select(Assignment.owner)
            .where(
                Assignment.about_kind == KIND,
                Assignment.about_id == cast(col(PaymentException.exception_id), Text),
            )
            .order_by(col(Assignment.turn).desc())
            .limit(1)
            .scalar_subquery()
        )
        return newest.is_(None)
    held = [int(each) for each in owners.held(session, kind=KIND, owner=owner)]
    return col(PaymentException.exception_id).in_(held) if held else false()


def _worth(line: Line, found: Situation | None, decided: ExceptionAction | None) -> Amount | None:
    if found is None:
        return Amount(decided.cents, USD) if decided is not None and decided.cents else None
    if line.item.kind in kinds.COUNTED:
        return found.undecided
    if line.item.kind == "wrong_token":
        return line.received
    if line.attempt is None:
        return None
    return line.difference if line.difference.units >= 0 else -line.difference


def _next_step(line: Line, found: Situation | None, decided: ExceptionAction | None) -> str:
    item = line.item
    if found is None:
        return "nothing: it is closed"
    if decided is not None:
        return "the processor did not answer yet: ask it for the refund again"
    if line.state == "waiting":
        return "comes back by itself"
    if item.kind == "deeper_than_final":
        return "have the chain read on"
    if line.attempt is not None and promises.credits(line.attempt, kind=item.kind, late=item.late):
        return "is credited by itself once it is final"
    return _first(choices(found))


def _first(offered: Mapping[Action, Choice]) -> str:
    for choice in (offered["credit"], offered["refund"]):
        if choice.allowed:
            return choice.why
    return f"wait, or write it off: {offered['credit'].why}"
