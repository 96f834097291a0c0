"""Steps in which money leaves Stripe again, on the dashboard, at a card's bank and to our own."""

from collections.abc import Callable
from typing import Literal

import httpx

from sandbox.stripe_twin.store import Document
from tests.simulation.world import World


def refund(world: World) -> str:
    """Somebody refunds a payment on Stripe's dashboard: part of it, or what is left."""
    intent = _paid(world)
    if intent is None:
        return "nothing to refund"
    cents = world.chance.choice(
        (None, max(1, intent["amount"] // 3), world.chance.randrange(1, intent["amount"]))
    )
    return _told(lambda: world.stripe.control.refund(intent["id"], cents), f"refund of {cents or 'all'}")


def settle_refund(world: World) -> str:
    """A bank answers to a refund, perhaps weeks after it looked done."""
    found = list(world.stripe.world.store.oldest_first("refund"))
    if not found:
        return "no refund"
    chosen = world.chance.choice(found)
    status: Literal["succeeded", "failed"] = "failed" if world.chance.random() < 0.6 else "succeeded"
    return _told(lambda: world.stripe.control.settle_refund(chosen["id"], status), f"refund {status}")


def dispute(world: World) -> str:
    """A payer disputes a card payment, or only inquires."""
    intent = _paid(world)
    if intent is None:
        return "nothing to dispute"
    warning, withdraw = world.chance.random() < 0.25, world.chance.random() < 0.7
    return _told(
        lambda: world.stripe.control.dispute(intent["id"], warning=warning, withdraw=withdraw),
        "inquiry" if warning else "dispute",
    )


def go_on_with_dispute(world: World) -> str:
    """A dispute's money is withdrawn, or it ends."""
    found = list(world.stripe.world.store.oldest_first("dispute"))
    if not found:
        return "no dispute"
    chosen = world.chance.choice(found)
    if world.chance.random() < 0.3:
        return _told(lambda: world.stripe.control.withdraw_dispute(chosen["id"]), "withdrawn")
    status: Literal["won", "lost", "warning_closed"] = "won" if world.chance.random() < 0.5 else "lost"
    if chosen["status"].startswith("warning"):
        status = "warning_closed"
    return _told(lambda: world.stripe.control.close_dispute(chosen["id"], status), status)


def warn_of_fraud(world: World) -> str:
    """A card's bank suspects a payment."""
    intent = _paid(world)
    if intent is None:
        return "nothing to suspect"
    return _told(lambda: world.stripe.control.warn_of_fraud(intent["id"]), "warned")


def pay_out(world: World) -> str:
    """Stripe pays out what is available, now and then to a closed bank account."""
    payouts = list(world.stripe.world.store.oldest_first("payout"))
    if payouts and world.chance.random() < 0.2:
        return _told(lambda: world.stripe.control.fail_payout(payouts[-1]["id"]), "payout failed")
    return _told(lambda: world.stripe.control.pay_out(), "paid out")


def _paid(world: World) -> Document | None:
    """A payment that Stripe has taken."""
    found = world.stripe.world.store.equal("payment_intent", "status", "succeeded")
    return world.chance.choice(found) if found else None


def _told(ask: Callable[[], object], what: str) -> str:

    try:
        ask()
    except httpx.HTTPStatusError as error:
        return f"{what}: refused with {error.response.status_code}"
    return what
