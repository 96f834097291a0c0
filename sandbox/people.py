"""The people of the sandbox's console: one of each role, with a password that everybody knows."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlmodel import Session

from ledger import database
from office import operators, proofs
from office.actor import Actor
from office.roles import ROLES
from outbound.vault import Vault
from sandbox.errors import AskedWrongly

PASSWORD: Final = "pretend money only"
_FILE: Final = "operators.json"
# Old enough that the code of the enrolment is not the one somebody types next.
_BEFORE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in at the sandbox's console."""

    email: str
    role: str
    secret: str = field(repr=False)


def settle_in(folder: Path, *, database_url: str, console_key: str) -> list[Person]:
    """Everybody, enrolled; the same people at every start over the folder."""
    path = folder / _FILE
    if path.exists():
        return known(folder)
    people = [Person(f"{role}@example.com", role, proofs.new_secret()) for role in ROLES]
    path.touch(mode=0o600)
    engine = database.connect(database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            for each in people:
                _enrol(session, each, vault=Vault.of([console_key]), now=datetime.now(UTC) - _BEFORE)
    finally:
        engine.dispose()
    path.write_text(json.dumps([asdict(each) for each in people]))
    return people


def known(folder: Path) -> list[Person]:
    """Everybody of the house over `folder`."""
    return [Person(**each) for each in json.loads((folder / _FILE).read_text())]


def code(folder: Path, email: str, *, now: datetime) -> str:
    """What the app of somebody shows now.

    raises: AskedWrongly
    """
    if not (folder / _FILE).exists():
        raise AskedWrongly(f"there is no console over {folder}; start one with `pennyrail dev`")
    for each in known(folder):
        if email in (each.email, each.role):
            return proofs.code(each.secret, now=now)
    raise AskedWrongly(f"nobody here is {email}; there are {', '.join(each.email for each in known(folder))}")


def _enrol(session: Session, person: Person, *, vault: Vault, now: datetime) -> None:
    role = next(role for role in ROLES if role == person.role)
    _, invitation = operators.invite(
        session,
        email=person.email,
        name=person.role.title(),
        role=role,
        by=Actor("sandbox", via="command"),
        good_for=timedelta(hours=1),
        now=now,
    )
    operators.enrol(
        session,
        email=person.email,
        invitation=invitation,
        password=PASSWORD,
        secret=person.secret,
        code=proofs.code(person.secret, now=now),
        vault=vault,
        now=now,
    )
