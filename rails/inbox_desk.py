"""What a person sees of the notices, and decides: replay one, replay the dead, ignore one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlmodel import Session, col, func, select

from rails import errors, inbox
from rails.models import Notice, NoticeAction, NoticeCursor

State = Literal["waiting", "handled", "ignored", "dead"]
STATES: Final[tuple[State, ...]] = ("waiting", "handled", "ignored", "dead")
_LATELY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Stats:
    """How the inbox stands. `lately` counts what came in the last day."""

    states: Mapping[str, int]
    lately: int
    repeats: int
    found_in_list: int
    dead_reasons: Mapping[str, int]
    oldest_waiting: datetime | None
    cursors: Sequence[NoticeCursor]


def listed(
    session: Session, *, state: str | None = None, kind: str | None = None, limit: int = 50
) -> Sequence[Notice]:
    """The newest notices, of one state and of one kind (`charge.dispute.*` is several) if wanted."""
    wanted = select(Notice).order_by(col(Notice.notice_id).desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(Notice.state == state)
    if kind is not None:
        begins = kind.removesuffix("*")
        matching = (
            col(Notice.kind).startswith(begins, autoescape=True) if begins != kind else Notice.kind == kind
        )
        wanted = wanted.where(matching)
    return session.exec(wanted).all()


def find(session: Session, name: str) -> Notice:
    """The notice of this number, or of this id at its processor.

    raises: NoticeNotFound
    """
    # A number too long is no notice's, and no number to the database.
    by = Notice.notice_id == int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else None
    found = session.exec(select(Notice).where(by if by is not None else Notice.external_id == name)).first()
    if found is None:
        raise errors.NoticeNotFound(f"no notice {name} is kept here")
    return found


def actions(session: Session, notice: Notice) -> Sequence[NoticeAction]:
    """What was made of a notice, in order."""
    return session.exec(
        select(NoticeAction)
        .where(NoticeAction.notice_id == notice.notice_id)
        .order_by(col(NoticeAction.action_id))
    ).all()


def replay(session: Session, *, name: str, actor: str, reason: str, now: datetime) -> Notice:
    """Have a notice handled anew, as if it had come just now.

    raises: NoticeNotFound, NoticeBusy
    """
    notice = _locked(session, name, now=now)
    _write(session, notice, action="replay", actor=actor, reason=reason, now=now)
    inbox.begin_anew(notice, try_at=now)
    return notice


def replay_dead(
    session: Session, *, actor: str, reason: str, now: datetime, limit: int = 1000
) -> Sequence[Notice]:
    """Have every dead notice handled anew, oldest first; at most `limit` at once. Returns which."""
    dead = session.exec(
        select(Notice)
        .where(Notice.state == "dead")
        .order_by(col(Notice.notice_id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for notice in dead:
        _write(session, notice, action="replay", actor=actor, reason=reason, now=now)
        inbox.begin_anew(notice, try_at=now)
    return dead


def ignore(session: Session, *, name: str, actor: str, reason: str, now: datetime) -> Notice:
    """Have nobody look at a notice again, for a reason.

    raises: NoticeNotFound, NoticeBusy, NothingToDo if it is over already
    """
    notice = _locked(session, name, now=now)
    if notice.state in ("handled", "ignored"):
        raise errors.NothingToDo(f"notice {notice.notice_id} is {notice.state} already")
    _write(session, notice, action="ignore", actor=actor, reason=reason, now=now)
    notice.state, notice.reason = "ignored", reason
    notice.try_at = notice.leased_until = None
    notice.handled_at = now
    return notice


def stats(session: Session, *, now: datetime) -> Stats:
    """How the inbox stands."""
    counted = dict(session.exec(select(Notice.state, func.count()).group_by(Notice.state)).all())
    why = dict(
        session.exec(
            select(Notice.reason, func.count()).where(Notice.state == "dead").group_by(col(Notice.reason))
        ).all()
    )
    lately = col(Notice.received_at) > now - _LATELY
    came, repeats, found = session.exec(
        select(
            func.count(),
            func.coalesce(func.sum(func.greatest(Notice.deliveries - 1, 0)), 0),
            func.count().filter(col(Notice.deliveries) == 0),
        ).where(lately)
    ).one()
    oldest = session.exec(select(func.min(Notice.received_at)).where(Notice.state == "waiting")).one()
    return Stats(
        states={state: counted.get(state, 0) for state in STATES},
        lately=came,
        repeats=int(repeats),
        found_in_list=found,
        dead_reasons={reason or "": count for reason, count in why.items()},
        oldest_waiting=oldest,
        cursors=session.exec(select(NoticeCursor).order_by(NoticeCursor.source)).all(),
    )


def _locked(session: Session, name: str, *, now: datetime) -> Notice:
    found = find(session, name)
    notice = session.get_one(Notice, found.notice_id, with_for_update=True, populate_existing=True)
    if notice.leased_until is not None and notice.leased_until > now:
        until = f"{notice.leased_until:%H:%M:%S}"
        raise errors.NoticeBusy(f"notice {notice.notice_id} is being handled now, until {until} at most")
    return notice


def _write(session: Session, notice: Notice, *, action: str, actor: str, reason: str, now: datetime) -> None:
    assert notice.notice_id is not None
    session.add(
        NoticeAction(
            notice_id=notice.notice_id,
            action=action,
            actor=actor,
            reason=reason,
            from_state=notice.state,
            acted_at=now,
        )
    )
