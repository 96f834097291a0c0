"""The audit log: one row for everything an operator did, wanted to do, or was refused. Only ever added to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from ledger.database import Sessions
from ledger.errors import BookError
from office.actor import Actor
from office.models import AuditRow
from rails import redaction
from rails.errors import OperatorError

Outcome = Literal["done", "asked", "failed", "refused"]
About = tuple[str, str]
_LONGEST = 2000


@dataclass(slots=True)
class Recorded:
    """What an action under way says of itself at its end."""

    about: About
    after: dict[str, Any] = field(default_factory=dict)


def write(
    session: Session,
    actor: Actor,
    action: str,
    *,
    about: About,
    outcome: Outcome = "done",
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add a row in the caller's transaction: what was done and that it was done are kept, or neither is.

    `action` is noun.verb, `about` the kind and the id of what it was done to. No secret may be in
    `before` and `after`, which hold what JSON can hold.
    """
    kind, subject = about
    session.add(
        AuditRow(
            at=now,
            actor=actor.name,
            role=actor.role,
            operator_id=actor.operator_id,
            session_id=actor.session_id,
            via=actor.via,
            address=actor.address,
            action=action,
            about_kind=kind,
            about_id=subject[:_LONGEST],
            outcome=outcome,
            reason=reason[:_LONGEST],
            before=dict(before) if before is not None else None,
            after=dict(after) if after is not None else None,
        )
    )
    session.flush()


@contextmanager
def refusals(
    sessions: Sessions,
    actor: Actor,
    action: str,
    *,
    about: About,
    refused: type[Exception],
    reason: str = "",
    now: datetime,
) -> Iterator[None]:
    """Record what somebody wanted and did not get, after its transaction was undone.

    `refused` is what is raised at who may not do it; whatever else could not be done has `failed`.
    """
    try:
        yield
    except (OperatorError, BookError) as error:
        outcome: Outcome = "refused" if isinstance(error, refused) else "failed"
        after = {"error": redaction.redact(str(error))[:_LONGEST] or type(error).__name__}
        with sessions() as session:
            write(session, actor, action, about=about, outcome=outcome, reason=reason, after=after, now=now)
        raise


@contextmanager
def recorded(
    sessions: Sessions,
    actor: Actor,
    action: str,
    *,
    about: About,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    now: datetime,
) -> Iterator[Recorded]:
    """Record what opens its own transactions or asks others: `asked` first, then `done` or `failed`.

    A process that dies between leaves the first row, which says that nobody knows how it ended.
    """
    with sessions() as session:
        write(session, actor, action, about=about, outcome="asked", reason=reason, before=before, now=now)
    told = Recorded(about)
    try:
        yield told
    except Exception as error:
        with sessions() as session:
            after = {"error": redaction.redact(str(error))[:_LONGEST] or type(error).__name__}
            write(session, actor, action, about=about, outcome="failed", reason=reason, after=after, now=now)
        raise
    with sessions() as session:
        write(session, actor, action, about=told.about, reason=reason, after=told.after, now=now)
