"""An agent that is frozen may place no new hold and no debit. Holds that stand are settled as ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select, text

from ledger.models import Freeze, Thaw

_FREEZE: Final = text("SELECT freeze_id, made FROM freeze_agent(:agent, :reference, :reason, :by, :at)")
_THAW: Final = text("SELECT thaw_agent(:freeze_id, :reason, :by, :at)")
_LIFTED: Final = select(Thaw.freeze_id).where(col(Thaw.freeze_id) == col(Freeze.freeze_id)).exists()


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze, and how it was lifted; None if it stands."""

    freeze: Freeze
    thaw: Thaw | None


def freeze(
    session: Session, *, agent_id: str, reference: str, reason: str, frozen_by: str, now: datetime
) -> bool:
    """Have the book refuse what an agent wants to spend. Tells whether this call did.

    A reference freezes once: what was lifted stays lifted. The agent's balance row stays locked.
    """
    given = {"agent": agent_id, "reference": reference, "reason": reason, "by": frozen_by, "at": now}
    return bool(session.connection().execute(_FREEZE, given).one().made)


def lift(session: Session, *, freeze_id: int, reason: str, thawed_by: str, now: datetime) -> bool:
    """Lift one freeze. The agent may spend again when none is left. Tells whether this call did."""
    given = {"freeze_id": freeze_id, "reason": reason, "by": thawed_by, "at": now}
    return bool(session.connection().execute(_THAW, given).scalar_one())


def standing(session: Session, *, agent_id: str) -> Sequence[Freeze]:
    """What keeps an agent from spending now, oldest first."""
    return session.exec(
        select(Freeze).where(Freeze.agent_id == agent_id, ~_LIFTED).order_by(col(Freeze.freeze_id))
    ).all()


def all_standing(session: Session) -> Sequence[Freeze]:
    """Every freeze that stands, of whomever, oldest first."""
    return session.exec(select(Freeze).where(~_LIFTED).order_by(col(Freeze.freeze_id))).all()


def history(session: Session, *, agent_id: str) -> Sequence[Frozen]:
    """Every freeze an agent ever had, oldest first."""
    rows = session.exec(
        select(Freeze, Thaw)
        .outerjoin(Thaw, col(Thaw.freeze_id) == col(Freeze.freeze_id))
        .where(Freeze.agent_id == agent_id)
        .order_by(col(Freeze.freeze_id))
    )
    return [Frozen(each, thaw) for each, thaw in rows]


def newest(session: Session, *, agent_id: str, most: int, before: int | None = None) -> Sequence[Frozen]:
    """An agent's freezes, lifted or not, the newest first; those before the freeze `before` if given."""
    query = (
        select(Freeze, Thaw)
        .outerjoin(Thaw, col(Thaw.freeze_id) == col(Freeze.freeze_id))
        .where(Freeze.agent_id == agent_id)
    )
    if before is not None:
        query = query.where(col(Freeze.freeze_id) < before)
    rows = session.exec(query.order_by(col(Freeze.freeze_id).desc()).limit(most))
    return [Frozen(each, thaw) for each, thaw in rows]


def of_id(session: Session, *, freeze_id: int) -> Frozen | None:
    """One freeze, lifted or not; None if there is none of this number."""
    found = session.get(Freeze, freeze_id)
    return Frozen(found, session.get(Thaw, freeze_id)) if found is not None else None


def of_reference(session: Session, *, reference: str) -> Frozen | None:
    """The freeze that follows from `reference`, lifted or not; None if it never froze anybody."""
    row = session.exec(
        select(Freeze, Thaw)
        .outerjoin(Thaw, col(Thaw.freeze_id) == col(Freeze.freeze_id))
        .where(Freeze.reference == reference)
    ).one_or_none()
    return Frozen(*row) if row is not None else None
