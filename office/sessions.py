"""Sessions of operators: opened with two proofs, ended by time, by their owner or by an admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlmodel import Session, col, select

from ledger.database import Sessions
from office import audit, errors, proofs
from office.actor import Actor, Via
from office.models import Operator, OperatorSession
from office.operators import by_email, role_of
from office.settings import ConsoleSettings
from outbound.vault import Vault

FREE_TRIES: Final = 5
_LONGEST_LOCK: Final = timedelta(minutes=15)
# A row for every request would be a write for every page.
_SEEN_EVERY: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class From:
    """Where somebody signs in from."""

    via: Literal["console", "ops"]
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is good now."""

    actor: Actor
    email: str
    operator_name: str
    session_id: int
    method: str
    expires_at: datetime
    stepped_up_at: datetime | None


def sign_in(
    sessions: Sessions,
    *,
    email: str,
    password: str,
    code: str,
    token_hash: bytes,
    came: From,
    settings: ConsoleSettings,
    now: datetime,
) -> None:
    """Open a session for who shows both proofs.

    What was wrong is counted in a transaction of its own, so that a refusal does not undo it.

    raises: SignInRefused, SignInLocked
    """
    with sessions() as session:
        refusal = _try(session, email, password, code, token_hash, came, settings, now)
    if refusal is not None:
        raise refusal


def _try(
    session: Session,
    email: str,
    password: str,
    code: str,
    token_hash: bytes,
    came: From,
    settings: ConsoleSettings,
    now: datetime,
) -> errors.SignInRefused | None:
    found = by_email(session, email)
    if found is not None:
        session.refresh(found, with_for_update=True)
    if found is not None and found.locked_until is not None and now < found.locked_until:
        return errors.SignInLocked(found.locked_until)
    right = proofs.matches(password, found.password_hash if found is not None else None)
    step = _step(found, code, vault=settings.vault, now=now) if found is not None else None
    if found is None or not right or step is None or found.disabled_at is not None:
        if found is not None:
            _count_failure(session, found, came=came, now=now)
        return errors.SignInRefused("email, password or code is wrong")
    found.totp_last_step, found.failures, found.locked_until = step, 0, None
    begin(session, found, method="password", token_hash=token_hash, came=came, settings=settings, now=now)
    return None


def sign_in_named(
    sessions: Sessions,
    *,
    email: str,
    subject: str,
    token_hash: bytes,
    came: From,
    settings: ConsoleSettings,
    now: datetime,
) -> None:
    """Open a session for whom the house's single sign-on names. The first time, the email finds the operator.

    raises: SignInRefused
    """
    with sessions() as session:
        found = session.exec(
            select(Operator).where(Operator.sso_subject == subject).with_for_update()
        ).one_or_none()
        if found is None:
            found = by_email(session, email)
            # Whoever is known by another subject is another person who was given the email later.
            if found is not None and found.sso_subject is not None:
                found = None
        if found is None or found.disabled_at is not None:
            raise errors.SignInRefused("nobody of this house has that name: ask an admin for an invitation")
        found.sso_subject = subject
        found.invite_hash = found.invite_expires_at = None
        begin(session, found, method="sso", token_hash=token_hash, came=came, settings=settings, now=now)


def confirm_named(sessions: Sessions, found: SignedIn, *, subject: str, now: datetime) -> None:
    """Take single sign-on's word again, for what moves money.

    raises: SignInRefused if it names somebody else.
    """
    with sessions() as session:
        operator = session.get_one(Operator, found.actor.operator_id)
        if operator.sso_subject != subject:
            raise errors.SignInRefused("single sign-on names somebody else")
        session.get_one(OperatorSession, found.session_id).stepped_up_at = now


def begin(
    session: Session,
    operator: Operator,
    *,
    method: Literal["password", "sso"],
    token_hash: bytes,
    came: From,
    settings: ConsoleSettings,
    now: datetime,
) -> OperatorSession:
    """A session for somebody who has proven who it is: as fresh as one that has just shown a code."""
    row = OperatorSession(
        token_hash=token_hash,
        operator_id=operator.operator_id,
        via=came.via,
        method=method,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=settings.absolute_hours),
        stepped_up_at=now,
        address=came.address,
        user_agent=came.user_agent[:200],
    )
    session.add(row)
    session.flush()
    who = _actor(operator, row)
    audit.write(session, who, "session.open", about=("operator", operator.operator_id), now=now)
    return row


def find(session: Session, *, token_hash: bytes, settings: ConsoleSettings, now: datetime) -> SignedIn | None:
    """The session behind a token, None if it has ended, or its operator is let in no more."""
    row = session.exec(select(OperatorSession).where(OperatorSession.token_hash == token_hash)).one_or_none()
    if row is None or ended(row, settings=settings, now=now) is not None:
        return None
    operator = session.get_one(Operator, row.operator_id)
    if operator.disabled_at is not None:
        return None
    if now - row.last_seen_at >= _SEEN_EVERY:
        row.last_seen_at = now
    assert row.session_id is not None
    return SignedIn(
        _actor(operator, row),
        operator.email,
        operator.name,
        row.session_id,
        row.method,
        row.expires_at,
        row.stepped_up_at,
    )


def ended(row: OperatorSession, *, settings: ConsoleSettings, now: datetime) -> str | None:
    """How a session has ended, None if it has not."""
    if row.revoked_at is not None:
        return "ended"
    if now >= row.expires_at:
        return "ran out"
    if now - row.last_seen_at >= timedelta(minutes=settings.idle_minutes):
        return "idle"
    return None


def is_fresh(found: SignedIn, *, settings: ConsoleSettings, now: datetime) -> bool:
    """Whether a code was shown lately enough for what moves money."""
    at = found.stepped_up_at
    return at is not None and now - at < timedelta(minutes=settings.step_up_minutes)


def step_up(sessions: Sessions, found: SignedIn, *, code: str, vault: Vault, now: datetime) -> None:
    """Take a code for what moves money.

    raises: BadCode, SignInLocked
    """
    with sessions() as session:
        operator = session.get_one(Operator, found.actor.operator_id, with_for_update=True)
        refusal = _step_up(session, operator, found, code=code, vault=vault, now=now)
    if refusal is not None:
        raise refusal


def _step_up(
    session: Session, operator: Operator, found: SignedIn, *, code: str, vault: Vault, now: datetime
) -> errors.OfficeError | None:
    if operator.locked_until is not None and now < operator.locked_until:
        return errors.SignInLocked(operator.locked_until)
    step = _step(operator, code, vault=vault, now=now)
    if step is None:
        _count_failure(session, operator, came=None, now=now)
        return errors.BadCode(
            "that is not the code your app shows now, or it was used before: wait for the next"
        )
    operator.totp_last_step, operator.failures = step, 0
    row = session.get_one(OperatorSession, found.session_id)
    row.stepped_up_at = now
    return None


def end(session: Session, session_id: int, *, by: Actor, now: datetime) -> None:
    """End a session, from its next request on."""
    row = session.get(OperatorSession, session_id)
    if row is not None and row.revoked_at is None:
        row.revoked_at, row.revoked_by = now, by.name
        audit.write(session, by, "session.end", about=("operator_session", str(session_id)), now=now)


def end_all(session: Session, operator_id: str, *, by: Actor, now: datetime, but: int | None = None) -> int:
    """End every session of an operator but one; how many there were."""
    found = session.exec(
        select(OperatorSession.session_id).where(
            OperatorSession.operator_id == operator_id,
            col(OperatorSession.revoked_at).is_(None),
            OperatorSession.expires_at > now,
            col(OperatorSession.session_id).is_distinct_from(but),
        )
    ).all()
    for session_id in found:
        assert session_id is not None
        end(session, session_id, by=by, now=now)
    return len(found)


def of_operator(session: Session, operator_id: str, *, most: int = 50) -> Sequence[OperatorSession]:
    """The newest sessions of an operator."""
    return session.exec(
        select(OperatorSession)
        .where(OperatorSession.operator_id == operator_id)
        .order_by(col(OperatorSession.session_id).desc())
        .limit(most)
    ).all()


def _actor(operator: Operator, row: OperatorSession) -> Actor:
    via: Via = "ops" if row.via == "ops" else "console"
    name = f"operator:{operator.email}"
    return Actor(name, role_of(operator), operator.operator_id, via, row.session_id, row.address)


def _step(operator: Operator, code: str, *, vault: Vault, now: datetime) -> int | None:
    if operator.totp_sealed is None:
        return None
    secret = vault.open(operator.totp_sealed)
    return proofs.step_of(secret, code, now=now, after=operator.totp_last_step)


def _count_failure(session: Session, operator: Operator, *, came: From | None, now: datetime) -> None:
    operator.failures += 1
    if operator.failures >= FREE_TRIES:
        wait = timedelta(seconds=2 ** min(operator.failures, 20))
        operator.locked_until = now + min(wait, _LONGEST_LOCK)
    who = Actor(
        f"operator:{operator.email}",
        via=came.via if came else "console",
        address=came.address if came else None,
    )
    about, action = ("operator", operator.operator_id), "session.open" if came else "session.step_up"
    audit.write(session, who, action, about=about, outcome="refused", now=now)
