"""What people do by commands, for the audit log: in the transaction of its effect wherever there is one."""

import getpass
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ledger.database import Sessions
from office import actor, audit
from office.audit import About, Recorded


def said(
    session: Session,
    action: str,
    *,
    about: About,
    by: str | None = None,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Tell the log what a command did. Without `by` it was the user of this machine."""
    who = actor.command(by or getpass.getuser())
    audit.write(session, who, action, about=about, reason=reason, before=before, after=after, now=now)


def recorded(
    sessions: Sessions, action: str, *, about: About, by: str | None = None, reason: str = "", now: datetime
) -> AbstractContextManager[Recorded]:
    """Tell the log of what opens its own transactions: that it was asked for, and how it ended."""
    who = actor.command(by or getpass.getuser())
    return audit.recorded(sessions, who, action, about=about, reason=reason, now=now)
