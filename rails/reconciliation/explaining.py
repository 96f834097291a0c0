"""A break that a person explains: closed for ever, and told again only if its amounts change."""

from datetime import datetime

from sqlmodel import Session

from rails.errors import BreakNotFound, NotABreak
from rails.reconciliation import items
from rails.reconciliation.matching import NO_BREAK
from rails.reconciliation.models import Item


def explain(session: Session, item_id: int, *, reason: str, by: str, now: datetime) -> Item:
    """Close an open break, saying why the difference is as it should be. Nothing is posted.

    raises: BreakNotFound, NotABreak
    """
    items.lock(session)
    item = session.get(Item, item_id, populate_existing=True)
    if item is None:
        raise BreakNotFound(f"no item of reconciliation has the number {item_id}")
    if item.closed_at is not None:
        raise NotABreak(f"it is closed already: {item.how}")
    if item.state in NO_BREAK:
        raise NotABreak(f"it is {item.state}, which is no break: nothing is to be explained")
    item.state, item.closed_at, item.closed_by = "explained", now, by
    item.how = reason.strip()
    items.remember(session, [(item, f"{by}: {item.how}")], now=now)
    return item
