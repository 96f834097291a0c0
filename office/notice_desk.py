"""What an operator makes of notices: handled anew, or never again, with who and why."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from office import audit, reasons
from office.actor import Actor
from office.notice_queue import KIND
from rails import inbox_desk
from rails.models import Notice


def replay(session: Session, notice_id: int, *, reason: str, by: Actor, now: datetime) -> Notice:
    """Have a notice handled anew, as if it had come just now: the workers take it within seconds.

    raises: NoticeNotFound, NoticeBusy, SayWhy
    """
    words, before = reasons.said(reason), _state(session, notice_id)
    notice = inbox_desk.replay(session, name=str(notice_id), actor=by.name, reason=words, now=now)
    _record(session, "notice.replay", notice_id, reason=words, before=before, after=notice, by=by, now=now)
    return notice


def ignore(session: Session, notice_id: int, *, reason: str, by: Actor, now: datetime) -> Notice:
    """Have nobody look at a notice again.

    raises: NoticeNotFound, NoticeBusy, NothingToDo, SayWhy
    """
    words, before = reasons.said(reason), _state(session, notice_id)
    notice = inbox_desk.ignore(session, name=str(notice_id), actor=by.name, reason=words, now=now)
    _record(session, "notice.ignore", notice_id, reason=words, before=before, after=notice, by=by, now=now)
    return notice


def replay_dead(session: Session, *, reason: str, by: Actor, now: datetime) -> Sequence[Notice]:
    """Have the dead ones handled anew, the oldest first, a thousand at once at most.

    raises: SayWhy
    """
    words = reasons.said(reason)
    dead = inbox_desk.replay_dead(session, actor=by.name, reason=words, now=now)
    after = {"count": len(dead), "notices": [each.notice_id for each in dead]}
    audit.write(session, by, "notice.replay_dead", about=(KIND, "dead"), reason=words, after=after, now=now)
    return dead


def _state(session: Session, notice_id: int) -> str:
    return inbox_desk.find(session, str(notice_id)).state


def _record(
    session: Session,
    action: str,
    notice_id: int,
    *,
    reason: str,
    before: str,
    after: Notice,
    by: Actor,
    now: datetime,
) -> None:
    audit.write(
        session,
        by,
        action,
        about=(KIND, str(notice_id)),
        reason=reason,
        before={"state": before},
        after={"state": after.state},
        now=now,
    )
