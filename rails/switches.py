"""The switch of each rail: off, nobody is quoted or opens a payment on it; what is open settles as ever."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session, col, func, select

from rails import errors
from rails.models import RailSwitch

REASON: Final = "switched_off_by_operator"
"""What agents are told. Why it was switched off stays in the house."""
BLOCKER: Final = "the operator has switched this payment method off: no new payments"


def turn_off(session: Session, *, rail_id: str, reason: str, by: str, now: datetime) -> RailSwitch:
    """Refuse new quotes and payments on a rail from the end of this transaction on. Returns the turn.

    raises: SwitchedAlready
    """
    return _turn(session, rail_id=rail_id, to_on=False, reason=reason, by=by, now=now)


def turn_on(session: Session, *, rail_id: str, reason: str, by: str, now: datetime) -> RailSwitch:
    """Take quotes and payments on a rail again. Returns the turn.

    raises: SwitchedAlready
    """
    return _turn(session, rail_id=rail_id, to_on=True, reason=reason, by=by, now=now)


def is_off(session: Session, *, rail_id: str) -> bool:
    """Whether a rail is switched off, by the database's word of this moment."""
    return _turns(session, rail_id) % 2 == 1


def last_turns(session: Session) -> Mapping[str, RailSwitch]:
    """The last turn of every rail whose switch was ever turned, by its id."""
    last = (
        select(RailSwitch)
        .ext(distinct_on(col(RailSwitch.rail_id)))
        .order_by(col(RailSwitch.rail_id), col(RailSwitch.number).desc())
    )
    return {each.rail_id: each for each in session.exec(last)}


def history(session: Session, *, rail_id: str, limit: int = 20) -> list[RailSwitch]:
    """The turns of a rail's switch, the newest first."""
    turns = select(RailSwitch).where(RailSwitch.rail_id == rail_id)
    return list(session.exec(turns.order_by(col(RailSwitch.number).desc()).limit(limit)))


def _turn(session: Session, *, rail_id: str, to_on: bool, reason: str, by: str, now: datetime) -> RailSwitch:
    turns = _turns(session, rail_id)
    if to_on is (turns % 2 == 0):
        raise _already(rail_id, to_on=to_on)
    turn = insert(RailSwitch).values(
        rail_id=rail_id, number=turns + 1, is_on=to_on, reason=reason, turned_by=by, turned_at=now
    )
    turned = session.scalars(turn.on_conflict_do_nothing().returning(RailSwitch)).one_or_none()
    if turned is None:
        # Somebody did the same while we looked.
        raise _already(rail_id, to_on=to_on)
    return turned


def _turns(session: Session, rail_id: str) -> int:
    """How often a switch was turned. Every rail begins on."""
    return session.exec(select(func.max(RailSwitch.number)).where(RailSwitch.rail_id == rail_id)).one() or 0


def _already(rail_id: str, *, to_on: bool) -> errors.SwitchedAlready:
    return errors.SwitchedAlready(f"{rail_id} is {'on' if to_on else 'off'} already")
