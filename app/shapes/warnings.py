"""What an agent should know before it pays, in sentences: `warnings` of quotes, purchases and statuses."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from app.house import House
from app.shapes import recommendations
from app.shapes.quote import not_taken
from rails import status
from rails.models import Quote
from rails.status import PurchaseView

_SANDBOX: Final = "test money: this quote and its address are of a sandbox; send nothing real"


def test_money(*, live: bool) -> Sequence[str]:
    """That nothing real may be sent, unless the money is live: the networks and tokens look the same."""
    return [] if live else [_SANDBOX]


def chosen_for_you(here: House, *, rail_id: str) -> Sequence[str]:
    """That nobody named a payment method, which one was taken, and which others there are."""
    others = [rail.rail_id for rail in recommendations.by_preference(here) if rail.rail_id != rail_id]
    also = f"; there is also: {', '.join(others)}" if others else ""
    return [f"payment_method was left out, so this quote is for {rail_id}{also}"]


def others_pending(session: Session, here: House, fixed: Quote) -> Sequence[str]:
    """The agent's purchases beside this quote's whose money may be on its way, an entry for each."""
    found = status.pending(session, agent_id=fixed.agent_id, now=here.clock(), beside_quote_id=fixed.quote_id)
    more = [f"there are more such purchases than are named here: {here.commands.quota()}"] * found.more
    return [*(_pending(here, view) for view in found.purchases), *more]


def not_buyable(here: House, fixed: Quote) -> Sequence[str]:
    """That the rail of a quote does not take its price, and what to ask for instead."""
    commands = recommendations.quotes_instead(here, fixed)
    if not commands:
        return []
    rail = here.rails[fixed.rail_id]
    return [f"{not_taken(rail)}, so this quote cannot be bought; instead: {' or '.join(commands)}"]


def _pending(here: House, view: PurchaseView) -> str:
    assert view.attempt is not None, "what was never bought is not pending"
    attempt_id = view.attempt.payment_attempt_id
    return (
        f"money of another purchase of yours may be on its way: {attempt_id} ({view.state});"
        f" look at it before you pay: {here.commands.status_of_attempt(attempt_id)}"
    )
