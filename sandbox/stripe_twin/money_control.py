"""The control API of money that leaves: what banks, payers and Stripe's own clock do to it."""

from fastapi import APIRouter, HTTPException

from sandbox.stripe_twin import (
    balance,
    charges,
    disputes,
    fraud_warnings,
    payment_intents,
    payouts,
    refunding,
)
from sandbox.stripe_twin.models import (
    NewDispute,
    NewFee,
    NewPayout,
    NewRefund,
    SettledDispute,
    SettledRefund,
)
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, World


def add_endpoints(router: APIRouter, world: World) -> None:
    """Open every door of this file."""
    add_refunds(router, world)
    add_disputes(router, world)
    add_balance(router, world)


def add_refunds(router: APIRouter, world: World) -> None:
    """Refunds from the dashboard, and what the bank answers to any refund."""

    @router.post("/payment_intents/{intent}/refund")
    async def refund(intent: str, given: NewRefund) -> str:
        with world.store.transaction():
            asked = {} if given.cents is None else {"amount": given.cents}
            return str(refunding.order(world, paid_charge(world, intent), asked, BY_ITSELF)["id"])

    @router.post("/refunds/{refund}/settle")
    async def settle_refund(refund: str, given: SettledRefund) -> str:
        with world.store.transaction():
            found = existing(world, refunding.KIND, refund)
            return str(refunding.settle(world, found, given.status, given.reason)["status"])


def add_disputes(router: APIRouter, world: World) -> None:
    """What a card's bank does."""

    @router.post("/payment_intents/{intent}/dispute")
    async def dispute(intent: str, given: NewDispute) -> str:
        with world.store.transaction():
            charge = paid_charge(world, intent)
            cents = charge["amount"] if given.cents is None else given.cents
            opened = disputes.open_one(world, charge, cents=cents, inquiry=given.warning)
            if given.withdraw and not given.warning:
                disputes.withdraw(world, opened)
            return str(opened["id"])

    @router.post("/disputes/{dispute}/withdraw")
    async def withdraw_dispute(dispute: str) -> str:
        with world.store.transaction():
            return str(disputes.withdraw(world, existing(world, disputes.KIND, dispute))["status"])

    @router.post("/disputes/{dispute}/close")
    async def close_dispute(dispute: str, given: SettledDispute) -> str:
        with world.store.transaction():
            found = existing(world, disputes.KIND, dispute)
            return str(disputes.close(world, found, given.status)["status"])

    @router.post("/payment_intents/{intent}/warn_of_fraud")
    async def warn_of_fraud(intent: str) -> str:
        with world.store.transaction():
            return str(fraud_warnings.warn(world, paid_charge(world, intent))["id"])


def add_balance(router: APIRouter, world: World) -> None:
    """Payouts and Stripe's fees."""

    @router.post("/payouts")
    async def pay_out(given: NewPayout) -> str:
        with world.store.transaction():
            payout = payouts.pay_out(world, livemode=given.livemode, automatic=given.automatic)
            return str(payout["id"])

    @router.post("/payouts/{payout}/fail")
    async def fail_payout(payout: str) -> str:
        with world.store.transaction():
            return str(payouts.fail(world, existing(world, payouts.KIND, payout))["status"])

    @router.post("/fees")
    async def take_fee(given: NewFee) -> str:
        with world.store.transaction():
            transaction = balance.move(
                world,
                kind="stripe_fee",
                amount=-given.cents,
                source=None,
                livemode=given.livemode,
                description=given.description,
            )
            return str(transaction["id"])


def paid_charge(world: World, intent: str) -> Document:
    """raises: HTTPException 404, or 409 if nothing was paid"""
    charge = charges.of_intent(world, existing(world, payment_intents.KIND, intent))
    if charge is None or not charge["paid"]:
        raise HTTPException(409, "this PaymentIntent is not paid")
    return charge


def existing(world: World, kind: str, identifier: str) -> Document:
    """raises: HTTPException 404 if there is no such object in either mode"""
    document = world.store.get(kind, identifier)
    if document is None:
        raise HTTPException(404, f"no such {kind}")
    return document
