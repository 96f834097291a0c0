"""Tokens of services: made, listed and revoked by the operator, and kept as hashes only."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from app import tokens
from app.models import ServiceToken
from rails import ids

TOKEN_PREFIX: Final = "isk_svc_"  # noqa: S105
SCOPES: Final = (
    "holds:write",
    "debits:write",
    "grants:write",
    "balances:read",
    "outcomes:read",
    "tokens:introspect",
    "pricing:read",
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def make(
    session: Session, *, name: str, scopes: Sequence[str], expires_at: datetime | None, now: datetime
) -> tuple[ServiceToken, str]:
    """The row of a new token, and the token itself, which is shown here only.

    raises: ValueError if the name is not a slug or a scope is unknown.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name is 1 to 63 small letters, digits and hyphens")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ValueError(
            f"no such scope: {', '.join(unknown) or 'none given'}; there are {', '.join(SCOPES)}"
        )
    token = tokens.make(TOKEN_PREFIX)
    token_hash = hashed(token)
    assert token_hash is not None, "we made it"
    row = ServiceToken(
        id=ids.new("svctok"),
        name=name,
        token_hash=token_hash,
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, token


def known(session: Session, *, token_hash: bytes) -> ServiceToken | None:
    """The token of this hash, valid or not; None if it was never given."""
    return session.exec(select(ServiceToken).where(ServiceToken.token_hash == token_hash)).one_or_none()


def listed(session: Session) -> Sequence[ServiceToken]:
    """Every token that was ever made, oldest first."""
    return session.exec(
        select(ServiceToken).order_by(col(ServiceToken.created_at), col(ServiceToken.id))
    ).all()


def revoke(session: Session, *, name_or_id: str, now: datetime) -> int:
    """Refuse the token of this id, or every token of this name, from now on; how many that were."""
    which = or_(col(ServiceToken.id) == name_or_id, col(ServiceToken.name) == name_or_id)
    done = session.execute(
        update(ServiceToken)
        .where(which, col(ServiceToken.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(col(ServiceToken.id))
    )
    return len(done.all())


def hashed(token: str) -> bytes | None:
    """What is kept of a service's token, None if it cannot be one."""
    return tokens.hashed(token, prefix=TOKEN_PREFIX)
