"""People of the house freeze an agent's spending, and lift a freeze: once, with a reason, and on record."""

from datetime import datetime
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, select

from ledger import freezes
from ledger.models import Freeze
from office import agents, audit
from office.actor import Actor
from office.errors import AlreadyFrozen, AlreadyLifted, FreezeNotFound
from rails import ids

BY_HAND: Final = "by hand:"
"""How the reference of a freeze begins that no payment caused."""


def freeze(session: Session, actor: Actor, *, agent_id: str, reason: str, now: datetime) -> Freeze:
    """Have the book refuse every new hold and debit of the agent. Holds that stand are settled as ever.

    raises: AgentNotFound, AlreadyFrozen if a person's freeze stands for the same reason.
    """
    agents.profile(session, agent_id=agent_id)
    # Two who press at once would both find nothing that stands.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"freeze:{agent_id}", 0))))
    stands = freezes.standing(session, agent_id=agent_id)
    same = next((each for each in stands if _is_same(each, reason)), None)
    if same is not None:
        raise AlreadyFrozen(
            f"{same.frozen_by} froze it for this reason at {same.frozen_at:%Y-%m-%d %H:%M} UTC"
        )
    reference = f"{BY_HAND}{ids.new('freeze')}"
    freezes.freeze(
        session, agent_id=agent_id, reference=reference, reason=reason, frozen_by=actor.name, now=now
    )
    made = freezes.of_reference(session, reference=reference)
    assert made is not None, "nobody else has this reference"
    audit.write(
        session,
        actor,
        "agent.freeze",
        about=("agent", agent_id),
        reason=reason,
        before={"standing_freezes": len(stands)},
        after={"standing_freezes": len(stands) + 1, "freeze_id": made.freeze.freeze_id},
        now=now,
    )
    return made.freeze


def lift(session: Session, actor: Actor, *, agent_id: str, freeze_id: int, reason: str, now: datetime) -> int:
    """Lift one freeze for good, whatever its bank says; how many stand still.

    raises: FreezeNotFound, AlreadyLifted
    """
    found = freezes.of_id(session, freeze_id=freeze_id)
    if found is None or found.freeze.agent_id != agent_id:
        raise FreezeNotFound("this agent has no such freeze")
    if not freezes.lift(session, freeze_id=freeze_id, reason=reason, thawed_by=actor.name, now=now):
        raise AlreadyLifted("this freeze was lifted before")
    left = len(freezes.standing(session, agent_id=agent_id))
    audit.write(
        session,
        actor,
        "agent.lift_freeze",
        about=("agent", agent_id),
        reason=reason,
        before={"standing_freezes": left + 1, "freeze_id": freeze_id, "frozen_for": found.freeze.reason},
        after={"standing_freezes": left},
        now=now,
    )
    return left


def _is_same(standing: Freeze, reason: str) -> bool:
    return standing.reference.startswith(BY_HAND) and _bare(standing.reason) == _bare(reason)


def _bare(reason: str) -> str:
    return " ".join(reason.casefold().split())
