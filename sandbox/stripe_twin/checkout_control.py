"""The control API of Checkout: people who pay without a browser, and banks that answer late."""

from fastapi import APIRouter, HTTPException

from sandbox.stripe_twin import checkout, checkout_payment, promotions
from sandbox.stripe_twin.models import BankAnswer, NewPromotionCode, Paid, Payment
from sandbox.stripe_twin.money_control import existing
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World


def add_endpoints(router: APIRouter, world: World) -> None:
    """Open every door of this file."""

    @router.post("/checkout/{session}/pay")
    async def pay(session: str, given: Payment | None = None) -> Paid:
        with world.store.transaction():
            wanted = given or Payment()
            document = open_session(world, session)
            checkout_payment.pay(world, document, method=wanted.method, promotion_code=wanted.promotion_code)
            return paid(document)

    @router.post("/checkout/{session}/decline")
    async def decline(session: str) -> Paid:
        with world.store.transaction():
            return paid(checkout_payment.decline(world, open_session(world, session)))

    @router.post("/checkout/{session}/settle")
    async def settle_delayed(session: str, given: BankAnswer) -> Paid:
        with world.store.transaction():
            document = existing(world, checkout.KIND, session)
            return paid(checkout_payment.settle_delayed(world, document, succeeded=given.succeeded))

    @router.post("/promotion_codes")
    async def add_promotion_code(given: NewPromotionCode) -> str:
        if (given.percent_off is None) == (given.amount_off is None):
            raise HTTPException(422, "say either percent_off or amount_off")
        with world.store.transaction():
            off = {"percent_off": given.percent_off, "amount_off": given.amount_off, "currency": "usd"}
            coupon = promotions.new_coupon(world, livemode=given.livemode, asked=off)
            asked = given.model_dump(include={"code", "max_redemptions", "expires_at"})
            return str(promotions.new_code(world, coupon, asked)["id"])


def open_session(world: World, identifier: str) -> Document:
    """raises: HTTPException 404, or 409 if the session has expired"""
    checkout.expire_due(world)
    session = existing(world, checkout.KIND, identifier)
    if session["status"] == "expired":
        raise HTTPException(409, "this session has expired")
    return session


def paid(session: Document) -> Paid:
    """How the session stands."""
    return Paid(
        session=session["id"],
        status=session["status"],
        payment_status=session["payment_status"],
        payment_intent=session["payment_intent"],
    )
