"""People of the house, for tests of what they may do."""

from datetime import UTC, datetime, timedelta

from ledger.database import Sessions
from office import operators
from office.actor import Actor
from office.roles import Role

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def operator(sessions: Sessions, role: Role, name: str) -> Actor:
    """Somebody of that role, signed in."""
    email = f"{name}@example.com"
    with sessions() as session:
        made, _ = operators.invite(
            session,
            email=email,
            name=name,
            role=role,
            by=Actor("tests"),
            good_for=timedelta(hours=1),
            now=NOON,
        )
        return Actor(f"operator:{email}", role, made.operator_id, via="console")
