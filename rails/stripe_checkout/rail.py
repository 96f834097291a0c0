"""Checkout Sessions: opened by an agent, paid by a person, believed when Stripe's API says so."""

from datetime import datetime

import stripe
from stripe.checkout import Session as CheckoutSession
from stripe.params.checkout import SessionCreateParams

from ledger.money import USD, Amount
from rails import errors
from rails.rail import (
    Capabilities,
    Evidence,
    Failed,
    Handle,
    HostedPage,
    Limits,
    Listing,
    NeedsReview,
    Opened,
    Order,
    Outcome,
    Paid,
    Pending,
    Processing,
    RefundOrder,
    Reversed,
    Source,
)
from rails.stripe import reversals
from rails.stripe.client import translated
from rails.stripe_checkout.settings import CheckoutSettings


class StripeCheckout:
    """One Checkout Session per attempt."""

    rail_id = "stripe_checkout"
    capabilities = Capabilities(
        agent_initiated=True,
        agent_settleable=False,
        settlement_blocker="requires human browser checkout completion",
        requires_browser=True,
        buyer_modes=("hybrid", "human_only"),
    )
    listing = Listing(provider="stripe", purchase_path="stripe-checkout-sessions")
    # source: Stripe takes no card payment under 50 cents.
    limits = Limits(Amount(50, USD), Amount(5000, USD))
    witnesses: tuple[Source, ...] = ("stripe",)

    def __init__(self, client: stripe.StripeClient, settings: CheckoutSettings, *, live_money: bool) -> None:
        self._client = client
        self._settings = settings
        self.live_money = live_money

    @property
    def unavailable_reason(self) -> str | None:
        """Why the rail is closed, by setting."""
        return self._settings.stripe_checkout_closed or None

    def open(self, order: Order) -> Opened:
        """Create the session under the attempt's id, so that a repeat returns the same session."""
        with translated():
            session = self._client.v1.checkout.sessions.create(
                self._params(order), {"idempotency_key": order.payment_attempt_id}
            )
        if not session.url:
            raise errors.RailRefused("the payment page is already closed")
        return Opened(reference=session.id, instructions=HostedPage(url=session.url))

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:  # noqa: ARG002
        """What Stripe's API says of the session. `now` plays no part: the session's expiry is Stripe's."""
        with translated():
            session = self._client.v1.checkout.sessions.retrieve(handle.reference)
        evidence = (_evidence(session),)
        if session.status == "expired":
            return Failed("expired", evidence)
        if session.status != "complete":
            return Pending()
        if session.payment_status == "unpaid":
            return Processing(evidence)
        # `no_payment_required` is a discount of everything, and no promotion code is offered.
        if session.payment_status != "paid" or not _is_ours(session, handle):
            return NeedsReview("mismatch", handle.price, _dollars(session.amount_subtotal), evidence)
        tax = session.total_details.amount_tax if session.total_details else 0
        return Paid(_dollars((session.amount_total or 0) - tax), evidence)

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """What Stripe says has left the payment again."""
        return reversals.of_payment(self._client, handle.reference)

    def refund(self, order: RefundOrder) -> str:
        """Have Stripe refund a part of the payment."""
        return reversals.give_back(self._client, order)

    def _params(self, order: Order) -> SessionCreateParams:
        names = {"payment_attempt_id": order.payment_attempt_id, "quote_id": order.quote_id}
        back = f"{self._settings.public_url.rstrip('/')}/pay/{order.payment_attempt_id}"
        return {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": order.price.units,
                        "product_data": {"name": f"{order.credits.units} credits"},
                    },
                }
            ],
            "client_reference_id": order.payment_attempt_id,
            "metadata": names,
            # Metadata does not propagate by itself, and refunds and disputes carry only the PaymentIntent's.
            "payment_intent_data": {"metadata": names},
            "success_url": f"{back}/done",
            "cancel_url": f"{back}/canceled",
            "expires_at": int(order.expires_at.timestamp()),
            "allowed_payment_method_types": ["card"],
            "adaptive_pricing": {"enabled": False},
        }


def _dollars(cents: int | None) -> Amount:
    return Amount(cents or 0, USD)


def _is_ours(session: CheckoutSession, handle: Handle) -> bool:
    return (
        session.client_reference_id == handle.payment_attempt_id
        and session.currency == "usd"
        and session.amount_subtotal == handle.price.units
    )


def _evidence(session: CheckoutSession) -> Evidence:
    return Evidence(
        source="stripe",
        external_id=session.id,
        state=session.status or "unknown",
        detail={
            "payment_status": session.payment_status,
            "amount_total_cents": session.amount_total,
            "currency": session.currency,
        },
    )
