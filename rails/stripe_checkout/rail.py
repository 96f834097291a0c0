"""Checkout Sessions: opened by an agent, paid by a person, believed when Stripe's API says so."""

from datetime import UTC, datetime

import stripe
from stripe.checkout import Session as CheckoutSession
from stripe.params.checkout import (
    SessionCreateParams,
    SessionCreateParamsLineItemPriceData,
    SessionCreateParamsLineItemPriceDataProductData,
)

from ledger.money import USD, Amount
from rails import errors
from rails.rail import (
    Capabilities,
    Handle,
    HostedPage,
    Limits,
    Listing,
    Opened,
    Order,
    Outcome,
    RefundOrder,
    Reversed,
    Source,
)
from rails.stripe import reversals
from rails.stripe.client import ONE_CALL, made_once, translated
from rails.stripe_checkout.judgement import Visit, judge
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

        def make(key: str) -> stripe.checkout.Session:
            return self._client.v1.checkout.sessions.create(
                self._params(order), {"idempotency_key": key, "max_network_retries": ONE_CALL}
            )

        with translated():
            session = made_once(make, order.payment_attempt_id)
        if not session.url:
            raise errors.RailRefused("the payment page is already closed")
        return Opened(reference=session.id, instructions=HostedPage(url=session.url))

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What Stripe's API says of the session."""
        return judge(
            self._visit(handle), payment_attempt_id=handle.payment_attempt_id, price=handle.price, now=now
        )

    def cancel(self, handle: Handle) -> None:
        """Expire the session, so that its page takes nothing more; one that has expired stays so."""
        try:
            with translated():
                self._client.v1.checkout.sessions.expire(handle.reference)
        except errors.RailRefused:
            # Stripe expires open sessions only, and does not say in words for programs what this one is.
            if self._visit(handle).status != "expired":
                raise errors.RailRefused("somebody has paid or is paying on the page") from None

    def _visit(self, handle: Handle) -> Visit:
        with translated():
            found = self._client.v1.checkout.sessions.retrieve(
                handle.reference, {"expand": ["payment_intent"]}
            )
        return _read(found)

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """What Stripe says has left the payment again."""
        return reversals.of_payment(self._client, handle.reference)

    def refund(self, order: RefundOrder) -> str:
        """Have Stripe refund a part of the payment."""
        return reversals.give_back(self._client, order)

    def _params(self, order: Order) -> SessionCreateParams:
        names = {"payment_attempt_id": order.payment_attempt_id, "quote_id": order.quote_id}
        back = f"{self._settings.public_url.rstrip('/')}/pay/{order.payment_attempt_id}"
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": self._price(order)}],
            "client_reference_id": order.payment_attempt_id,
            "metadata": names,
            # Metadata does not propagate by itself, and refunds and disputes carry only the PaymentIntent's.
            "payment_intent_data": {"metadata": names},
            "success_url": f"{back}/done",
            "cancel_url": f"{back}/canceled",
            "expires_at": int(order.expires_at.timestamp()),
            "allowed_payment_method_types": [*self._settings.checkout_methods],
            "adaptive_pricing": {"enabled": False},
        }
        if self._settings.checkout_promotion_codes:
            params["allow_promotion_codes"] = True
        if self._settings.checkout_automatic_tax:
            params["automatic_tax"] = {"enabled": True}
        return params

    def _price(self, order: Order) -> SessionCreateParamsLineItemPriceData:
        sold: SessionCreateParamsLineItemPriceDataProductData = {"name": f"{order.credits.units} credits"}
        if self._settings.checkout_tax_code:
            sold["tax_code"] = self._settings.checkout_tax_code
        price: SessionCreateParamsLineItemPriceData = {
            "currency": "usd",
            "unit_amount": order.price.units,
            "product_data": sold,
        }
        if self._settings.checkout_automatic_tax:
            # Beside the price, never inside it: the price is that of the credits alone.
            price["tax_behavior"] = "exclusive"
        return price


def _read(session: CheckoutSession) -> Visit:
    intent, told = session.payment_intent, session.total_details
    opened = intent if isinstance(intent, stripe.PaymentIntent) else None
    return Visit(
        reference=session.id,
        status=session.status or "unknown",
        payment_status=session.payment_status,
        belongs_to=session.client_reference_id,
        currency=session.currency,
        subtotal=session.amount_subtotal or 0,
        discount=told.amount_discount if told else 0,
        tax=told.amount_tax if told else 0,
        total=session.amount_total or 0,
        takes_codes=bool(session.allow_promotion_codes),
        expires_at=datetime.fromtimestamp(session.expires_at, UTC),
        intent_id=opened.id if opened else intent if isinstance(intent, str) else None,
        intent_status=opened.status if opened else None,
    )
