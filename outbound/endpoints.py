"""Endpoints: who is told, made and changed by the operator. A secret is shown once and kept encrypted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select, update

from outbound import addresses, outcomes, payloads, signing
from outbound.addresses import Rules
from outbound.errors import BadEventType, NoSuchEndpoint
from outbound.models import Endpoint, EndpointSecret
from outbound.vault import Vault
from rails import ids


def create(
    session: Session, *, url: str, event_types: Sequence[str], rules: Rules, vault: Vault, now: datetime
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is shown here only. It is told of what happens from now on.

    raises: ForbiddenUrl, BadEventType
    """
    addresses.target(url, rules)
    wanted = list(dict.fromkeys(event_types)) or list(payloads.TYPES)
    unknown = [each for each in wanted if each not in payloads.TYPES]
    if unknown:
        raise BadEventType(f"no such event: {', '.join(unknown)}; there are {', '.join(payloads.TYPES)}")
    made = Endpoint(endpoint_id=ids.new("ep"), url=url, event_types=wanted, state="enabled", created_at=now)
    session.add(made)
    session.flush()
    return made, _new_secret(session, made.endpoint_id, vault, now=now)


def listed(session: Session) -> Sequence[Endpoint]:
    """Every endpoint, oldest first."""
    return session.exec(select(Endpoint).order_by(col(Endpoint.created_at), col(Endpoint.endpoint_id))).all()


def get(session: Session, endpoint_id: str) -> Endpoint:
    """One endpoint.

    raises: NoSuchEndpoint
    """
    found = session.get(Endpoint, endpoint_id, populate_existing=True)
    if found is None:
        raise NoSuchEndpoint("no endpoint has this id")
    return found


def disable(session: Session, endpoint_id: str, *, reason: str, now: datetime) -> bool:
    """Send nothing more to it; whether it was enabled.

    raises: NoSuchEndpoint
    """
    get(session, endpoint_id)
    return outcomes.disable(session, endpoint_id, reason=reason, now=now)


def enable(session: Session, endpoint_id: str) -> datetime | None:
    """Send to it again, what is pending first; since when it was disabled, None if it was not.

    raises: NoSuchEndpoint
    """
    since = get(session, endpoint_id).disabled_at
    session.execute(
        update(Endpoint)
        .where(col(Endpoint.endpoint_id) == endpoint_id, col(Endpoint.state) == "disabled")
        .values(
            state="enabled",
            disabled_at=None,
            disabled_reason=None,
            failing_since=None,
            quiet_until=None,
        )
    )
    return since


def rotate_secret(
    session: Session, endpoint_id: str, *, overlap: timedelta, vault: Vault, now: datetime
) -> str:
    """A new secret, shown here only. Until `overlap` is over, messages carry a signature of the old one too.

    raises: NoSuchEndpoint
    """
    get(session, endpoint_id)
    ends_at = now + overlap
    session.execute(
        update(EndpointSecret)
        .where(
            col(EndpointSecret.endpoint_id) == endpoint_id,
            or_(col(EndpointSecret.expires_at).is_(None), col(EndpointSecret.expires_at) > ends_at),
        )
        .values(expires_at=ends_at)
    )
    return _new_secret(session, endpoint_id, vault, now=now)


def rewrap(session: Session, *, vault: Vault) -> int:
    """Encrypt every secret under the newest key; how many there are. Idempotent.

    raises: SecretUnreadable
    """
    found = session.exec(select(EndpointSecret).with_for_update()).all()
    for each in found:
        each.sealed = vault.close_anew(each.sealed)
    return len(found)


def _new_secret(session: Session, endpoint_id: str, vault: Vault, *, now: datetime) -> str:
    secret = signing.new_secret()
    session.add(EndpointSecret(endpoint_id=endpoint_id, sealed=vault.close(secret), created_at=now))
    return secret
