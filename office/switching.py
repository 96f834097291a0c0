"""Turning the switch of a rail, with a row in the audit log in the same transaction."""

from datetime import datetime

from sqlmodel import Session

from office import audit
from office.actor import Actor
from rails import switches
from rails.models import RailSwitch


def turn_off(session: Session, actor: Actor, *, rail_id: str, reason: str, now: datetime) -> RailSwitch:
    """Refuse new quotes and payments on a rail; what is open settles as ever.

    raises: SwitchedAlready
    """
    turn = switches.turn_off(session, rail_id=rail_id, reason=reason, by=actor.name, now=now)
    _keep(session, actor, "rail.switch_off", turn)
    return turn


def turn_on(session: Session, actor: Actor, *, rail_id: str, reason: str, now: datetime) -> RailSwitch:
    """Take quotes and payments on a rail again.

    raises: SwitchedAlready
    """
    turn = switches.turn_on(session, rail_id=rail_id, reason=reason, by=actor.name, now=now)
    _keep(session, actor, "rail.switch_on", turn)
    return turn


def _keep(session: Session, actor: Actor, action: str, turn: RailSwitch) -> None:
    audit.write(
        session,
        actor,
        action,
        about=("rail", turn.rail_id),
        reason=turn.reason,
        before={"is_on": not turn.is_on},
        after={"is_on": turn.is_on, "turn": turn.number},
        now=turn.turned_at,
    )
