"""The people of the house: invited by an admin, enrolled by themselves, disabled and never deleted."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from office import audit, errors, proofs
from office.actor import Actor
from office.models import Operator
from office.roles import ROLES, Role
from outbound.vault import Vault

_EMAIL_LONGEST: Final = 254


@dataclass(frozen=True, slots=True)
class Person:
    """An operator as others may see one."""

    operator_id: str
    email: str
    name: str
    role: Role
    state: str
    """`active`, `invited`, `invitation ran out` or `disabled`."""
    sso: bool
    created_at: datetime
    disabled_at: datetime | None


def person(operator: Operator, *, now: datetime) -> Person:
    """What of an operator may be shown."""
    state = "active"
    if operator.disabled_at is not None:
        state = "disabled"
    elif operator.password_hash is None and operator.sso_subject is None:
        good = operator.invite_expires_at is not None and operator.invite_expires_at > now
        state = "invited" if good else "invitation ran out"
    return Person(
        operator.operator_id,
        operator.email,
        operator.name,
        role_of(operator),
        state,
        operator.sso_subject is not None,
        operator.created_at,
        operator.disabled_at,
    )


def role_of(operator: Operator) -> Role:
    """The operator's role: the database knows no other words."""
    return next(role for role in ROLES if role == operator.role)


def actor(operator: Operator) -> Actor:
    """The operator at work, in no session."""
    return Actor(f"operator:{operator.email}", role_of(operator), operator.operator_id, via="console")


def by_email(session: Session, email: str) -> Operator | None:
    """The operator of an email, whatever its letters' case."""
    return session.exec(select(Operator).where(Operator.email == email.strip().lower())).one_or_none()


def get(session: Session, operator_id: str) -> Operator:
    """An operator, its row locked.

    raises: OperatorNotFound
    """
    found = session.get(Operator, operator_id, with_for_update=True)
    if found is None:
        raise errors.OperatorNotFound(f"there is no operator {operator_id}")
    return found


def listed(session: Session, *, now: datetime) -> Sequence[Person]:
    """Everybody, by email."""
    return [person(each, now=now) for each in session.exec(select(Operator).order_by(Operator.email))]


def invite(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    by: Actor,
    good_for: timedelta,
    now: datetime,
) -> tuple[Operator, str]:
    """A new operator, and the invitation to give to that person: it is told once and kept nowhere.

    raises: OperatorConflict
    """
    email = email.strip().lower()
    if "@" not in email or len(email) > _EMAIL_LONGEST or any(each.isspace() for each in email):
        raise errors.OperatorConflict(f"{email!r} is no email address")
    if not name.strip():
        raise errors.OperatorConflict("a person has a name")
    if by_email(session, email) is not None:
        raise errors.OperatorConflict(f"{email} is an operator already; invite again from that person's page")
    made = Operator(
        operator_id=f"op_{secrets.token_hex(8)}", email=email, name=name.strip(), role=role, created_at=now
    )
    invitation = _new_invitation(made, good_for=good_for, now=now)
    session.add(made)
    session.flush()
    after = {"email": email, "role": role}
    audit.write(session, by, "operator.invite", about=("operator", made.operator_id), after=after, now=now)
    return made, invitation


def invite_first_admin(
    session: Session, *, email: str, name: str, by: Actor, good_for: timedelta, now: datetime
) -> str:
    """The invitation of the first admin; as long as nobody has enrolled, another one in its place.

    raises: OperatorConflict if there is an admin, or the email is of somebody who cannot become one so
    """
    if any(each.role == "admin" and each.state == "active" for each in listed(session, now=now)):
        raise errors.OperatorConflict("there is an admin already, who can invite others")
    found = by_email(session, email)
    if found is None:
        _, invitation = invite(
            session, email=email, name=name, role="admin", by=by, good_for=good_for, now=now
        )
        return invitation
    known = person(found, now=now)
    if known.role != "admin" or known.state not in ("invited", "invitation ran out"):
        raise errors.OperatorConflict(
            f"{known.email} is an operator already (role {known.role}, {known.state}):"
            " invite the first admin under another email"
        )
    reason = "the first admin has not enrolled yet"
    return invite_again(session, known.operator_id, reason=reason, by=by, good_for=good_for, now=now)


def invite_again(
    session: Session, operator_id: str, *, reason: str, by: Actor, good_for: timedelta, now: datetime
) -> str:
    """A new invitation for who lost password or app: the old ones stop working when it is used.

    raises: OperatorNotFound
    """
    found = get(session, operator_id)
    invitation = _new_invitation(found, good_for=good_for, now=now)
    about = ("operator", operator_id)
    audit.write(session, by, "operator.invite_again", about=about, reason=reason, now=now)
    return invitation


def enrol(
    session: Session,
    *,
    email: str,
    invitation: str,
    password: str,
    secret: str,
    code: str,
    vault: Vault,
    now: datetime,
) -> Operator:
    """Use an invitation: the password and the second factor that its owner chose.

    raises: EnrolmentRefused, BadCode
    """
    found = by_email(session, email)
    if found is not None:
        session.refresh(found, with_for_update=True)
    if found is None or not _is_invited(found, invitation, now=now):
        raise errors.EnrolmentRefused("no such invitation, or it ran out: ask an admin for another")
    weak = proofs.weakness(password, email=found.email)
    if weak is not None:
        raise errors.EnrolmentRefused(weak)
    step = proofs.step_of(secret, code, now=now, after=0)
    if step is None:
        raise errors.BadCode("that is not the code your app shows now: is its clock right?")
    found.password_hash = proofs.hashed(password)
    found.totp_sealed, found.totp_last_step = vault.close(secret), step
    found.invite_hash = found.invite_expires_at = found.locked_until = None
    found.failures = 0
    audit.write(session, actor(found), "operator.enrol", about=("operator", found.operator_id), now=now)
    return found


def change_role(
    session: Session, operator_id: str, role: Role, *, reason: str, by: Actor, now: datetime
) -> None:
    """Give an operator another role, from the next request on. Nobody changes their own.

    raises: OperatorNotFound, OperatorConflict
    """
    if operator_id == by.operator_id:
        # Whoever makes operators moves no money, and must not become who does.
        raise errors.OperatorConflict("nobody changes their own role: another admin has to")
    found = get(session, operator_id)
    if role != "admin":
        _check_not_last_admin(session, found)
    before, found.role = {"role": found.role}, role
    after = {"role": role}
    audit.write(
        session,
        by,
        "operator.change_role",
        about=("operator", operator_id),
        reason=reason,
        before=before,
        after=after,
        now=now,
    )


def disable(session: Session, operator_id: str, *, reason: str, by: Actor, now: datetime) -> None:
    """Let an operator in no more, from the next request on.

    raises: OperatorNotFound, OperatorConflict
    """
    found = get(session, operator_id)
    _check_not_last_admin(session, found)
    if found.disabled_at is None:
        found.disabled_at = now
        about = ("operator", operator_id)
        audit.write(session, by, "operator.disable", about=about, reason=reason, now=now)


def enable(session: Session, operator_id: str, *, reason: str, by: Actor, now: datetime) -> None:
    """Let a disabled operator in again, with the old password and app.

    raises: OperatorNotFound
    """
    found = get(session, operator_id)
    if found.disabled_at is not None:
        found.disabled_at = None
        about = ("operator", operator_id)
        audit.write(session, by, "operator.enable", about=about, reason=reason, now=now)


def _new_invitation(operator: Operator, *, good_for: timedelta, now: datetime) -> str:
    invitation = f"pninv-{secrets.token_urlsafe(24)}"
    operator.invite_hash = hashlib.sha256(invitation.encode()).digest()
    operator.invite_expires_at = now + good_for
    return invitation


def _is_invited(operator: Operator, invitation: str, *, now: datetime) -> bool:
    if operator.invite_hash is None or operator.invite_expires_at is None or operator.disabled_at:
        return False
    shown = hashlib.sha256(invitation.strip().encode()).digest()
    return compare_digest(shown, operator.invite_hash) and now < operator.invite_expires_at


def _check_not_last_admin(session: Session, operator: Operator) -> None:
    """Refuse what would leave nobody to let others in. Two at once wait for each other here."""
    if operator.role != "admin" or operator.disabled_at is not None:
        return
    session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('operator.admins'))")
    others = select(func.count()).where(
        Operator.role == "admin",
        col(Operator.disabled_at).is_(None),
        Operator.operator_id != operator.operator_id,
    )
    if not session.exec(others).one():
        raise errors.OperatorConflict("the last admin cannot go: make another one first")


def rewrap(session: Session, *, vault: Vault) -> int:
    """Encrypt everybody's second factor under the newest key; how many there are. Idempotent.

    raises: SecretUnreadable
    """
    found = session.exec(
        select(Operator).where(col(Operator.totp_sealed).is_not(None)).with_for_update()
    ).all()
    for each in found:
        assert each.totp_sealed is not None
        each.totp_sealed = vault.close_anew(each.totp_sealed)
    return len(found)
