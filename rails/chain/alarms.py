"""What is wrong with the reading of a chain: given once, kept, and ended when the condition ends."""

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlmodel import Session, col, select

from rails.chain.models import ChainAlarm

logger = logging.getLogger("pennyrail.chain")


class Kind(StrEnum):
    """What can be wrong. The migration names the same."""

    HEAD_AGE = "head_age"
    CURSOR_AGE = "cursor_age"
    NODE_FAILING = "node_failing"
    WRONG_CHAIN = "wrong_chain"
    NODES_DISAGREE = "nodes_disagree"
    TOO_FEW_NODES = "too_few_nodes"
    BLOCK_REFUSED = "block_refused"
    DEEPER_THAN_FINAL = "deeper_than_final"
    AUDIT_MISSING = "audit_missing"
    BALANCE_MISMATCH = "balance_mismatch"


def ring(
    session: Session, kind: Kind, detail: str, *, chain_id: int, now: datetime, subject: str = ""
) -> bool:
    """Note that something is wrong, still or now; whether it is news."""
    statement = insert_into(ChainAlarm).values(
        chain_id=chain_id, kind=kind, subject=subject, detail=detail, opened_at=now, last_seen_at=now
    )
    again = {
        "detail": detail,
        # Two workers' clocks may differ.
        "last_seen_at": func.greatest(col(ChainAlarm.last_seen_at), now),
    }
    statement = statement.on_conflict_do_update(
        index_elements=["chain_id", "kind", "subject"],
        index_where=col(ChainAlarm.closed_at).is_(None),
        set_=again,
    )
    # Of a row that was there before, the system column tells.
    news = bool(session.execute(statement.returning(text("xmax = 0"))).scalar_one())
    if news:
        logger.error("alarm %s %s: %s", kind, subject or f"chain {chain_id}", detail)
    return news


def calm(
    session: Session, kind: Kind, *, chain_id: int, now: datetime, subjects: Sequence[str] = ("",)
) -> int:
    """Note that something is right (again); how many alarms that ended."""
    ended = (
        update(ChainAlarm)
        .where(
            col(ChainAlarm.chain_id) == chain_id,
            col(ChainAlarm.kind) == kind,
            col(ChainAlarm.subject).in_(subjects),
            col(ChainAlarm.closed_at).is_(None),
        )
        .values(closed_at=func.greatest(col(ChainAlarm.last_seen_at), now))
        .returning(col(ChainAlarm.subject))
    )
    calmed = session.scalars(ended).all()
    for subject in calmed:
        logger.info("alarm %s %s has ended", kind, subject or f"chain {chain_id}")
    return len(calmed)


def open_alarms(session: Session, *, chain_id: int) -> Sequence[ChainAlarm]:
    """What is wrong now, the oldest first."""
    query = select(ChainAlarm).where(
        col(ChainAlarm.chain_id) == chain_id, col(ChainAlarm.closed_at).is_(None)
    )
    return session.exec(query.order_by(col(ChainAlarm.opened_at), col(ChainAlarm.alarm_id))).all()


def history(session: Session, *, chain_id: int, limit: int = 50) -> Sequence[ChainAlarm]:
    """What was ever wrong, the newest first."""
    query = select(ChainAlarm).where(col(ChainAlarm.chain_id) == chain_id)
    newest = query.order_by(col(ChainAlarm.opened_at).desc(), col(ChainAlarm.alarm_id).desc())
    return session.exec(newest.limit(limit)).all()
