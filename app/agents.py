"""Who agents are: signing up, coming back, and tokens that are kept as hashes only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from app import tokens
from app.models import Agent, AgentToken
from ledger import credits, operations
from ledger.money import CREDIT, Amount
from office import audit
from office.actor import Actor
from office.errors import NothingToRevoke
from rails import ids

TOKEN_PREFIX: Final = "isk_r_"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Known:
    """An agent that showed its token, and since when the token is valid."""

    agent: Agent
    token_created_at: datetime


def sign_up(
    session: Session,
    *,
    contact: str | None,
    agent_name: str,
    runtime: str,
    discovery_source: str | None,
    now: datetime,
) -> Agent:
    """The agent of this contact and name, made if it is new. What it first said of itself stays.

    Without a contact every call makes a new agent.
    """
    agent_id = ids.new("agt")
    session.execute(
        insert(Agent)
        .values(
            agent_id=agent_id,
            organization_id=ids.new("org"),
            contact=contact,
            agent_name=agent_name,
            runtime=runtime,
            discovery_source=discovery_source,
            created_at=now,
        )
        .on_conflict_do_nothing(constraint="agent_once_per_contact_and_name")
    )
    if contact is None:
        return session.get_one(Agent, agent_id)
    return session.exec(select(Agent).where(Agent.contact == contact, Agent.agent_name == agent_name)).one()


def preview(session: Session, *, agent_id: str, units: int, now: datetime) -> None:
    """Give the agent its free credits, once in its life. The agent's balance stays locked: call it last.

    raises: TryAgain, another signup of this agent was faster.
    """
    if units:
        # Whoever signed up when another number was given keeps that: the key was used.
        given = operations.Grant(
            key=f"preview:{agent_id}",
            agent_id=agent_id,
            actor="signup",
            credits=Amount(units, CREDIT),
            promotional=True,
        )
        credits.apply_one(session, given, now=now)


def rotate(session: Session, *, agent_id: str, now: datetime) -> str:
    """Give the agent a new token and refuse the old one from now on. The token is shown here only."""
    # Two rotations at once would both find nothing to revoke and both insert an active token.
    session.exec(select(Agent.agent_id).where(Agent.agent_id == agent_id).with_for_update()).one()
    revoke(session, agent_id=agent_id, now=now)
    token = tokens.make(TOKEN_PREFIX)
    token_hash = hashed(token)
    assert token_hash is not None, "we made it"
    session.add(AgentToken(token_hash=token_hash, agent_id=agent_id, created_at=now))
    session.flush()
    return token


def revoke(session: Session, *, agent_id: str, now: datetime) -> int:
    """Refuse the agent's token from the next request on; how many that were: 1, or 0 if it had none."""
    done = session.execute(
        update(AgentToken)
        .where(col(AgentToken.agent_id) == agent_id, col(AgentToken.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(col(AgentToken.agent_id))
    )
    return len(done.all())


def take_token(session: Session, actor: Actor, *, agent_id: str, reason: str, now: datetime) -> None:
    """Revoke the agent's token as somebody of the house, on record. Its credits stay.

    raises: NothingToRevoke
    """
    if not revoke(session, agent_id=agent_id, now=now):
        raise NothingToRevoke("this agent has no token that opens anything")
    audit.write(session, actor, "agent.revoke_token", about=("agent", agent_id), reason=reason, now=now)


def hashed(token: str) -> bytes | None:
    """What is kept of an agent's token, None if it cannot be one: nobody has to ask the database."""
    return tokens.hashed(token, prefix=TOKEN_PREFIX)


def known(session: Session, *, token_hash: bytes) -> Known | None:
    """Whose token has this hash, None if it was never given or is no longer valid."""
    found = session.exec(
        select(Agent, AgentToken.created_at)
        .join(AgentToken, col(AgentToken.agent_id) == col(Agent.agent_id))
        .where(AgentToken.token_hash == token_hash, col(AgentToken.revoked_at).is_(None))
    ).one_or_none()
    return Known(agent=found[0], token_created_at=found[1]) if found is not None else None


def redacted(contact: str | None) -> str | None:
    """A contact as replies may show it: `a***@example.invalid`."""
    if contact is None:
        return None
    name, _, host = contact.rpartition("@")
    return f"{name[:1]}***@{host}"
