"""What people do by commands, for the audit log: in the transaction of its effect wherever there is one."""

import getpass
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ledger.database import Sessions
from office import actor, audit
from office.actor import Actor
from office.audit import About, Recorded


def who(by: str | None) -> Actor:
    """Whoever runs a command: by the name that was given, or as the user of this machine."""
    return actor.command(by or user())


def user() -> str:
    """The user of this machine; by number where it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


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
    audit.write(session, who(by), action, about=about, reason=reason, before=before, after=after, now=now)


def recorded(
    sessions: Sessions, action: str, *, about: About, by: str | None = None, reason: str = "", now: datetime
) -> AbstractContextManager[Recorded]:
    """Tell the log of what opens its own transactions: that it was asked for, and how it ended."""
    return audit.recorded(sessions, who(by), action, about=about, reason=reason, now=now)
