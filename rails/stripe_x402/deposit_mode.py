"""Deposit mode: one PaymentIntent and one fresh address per attempt. Stripe finds the transfer itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import stripe

from ledger.database import Sessions
from rails import errors
from rails.rail import Handle, Opened, Order, Outcome
from rails.stripe.client import ONE_CALL, made_once, translated
from rails.stripe_x402 import intents, witnesses
from rails.stripe_x402.judgement import Intent
from rails.stripe_x402.witnesses import Chain


@dataclass(frozen=True, slots=True)
class DepositMode:
    """One PaymentIntent in deposit mode per attempt."""

    client: stripe.StripeClient
    sessions: Sessions
    version: str
    chain_id: int
    token: str
    grace: timedelta

    def open(self, order: Order) -> Opened:
        """Create the PaymentIntent under the attempt's id, so that a repeat returns the same address."""

        def make(key: str) -> stripe.PaymentIntent:
            return self.client.v1.payment_intents.create(
                intents.deposit(order, version=self.version),  # type: ignore[arg-type]  # not in the SDK's types yet
                {
                    "idempotency_key": key,
                    "stripe_version": self.version,
                    "max_network_retries": ONE_CALL,
                },
            )

        with translated():
            intent = made_once(make, order.payment_attempt_id)
        details = intents.deposit_details(intent.to_dict())
        told = intents.instructions(details, price=order.price, watched=self.token, shared=False)
        return Opened(reference=intent.id, instructions=told)

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What Stripe's API and our own watcher say, together."""
        try:
            intent, unanswered = self._intent(handle), None
        except errors.RailError as error:
            # Refused or unanswered: what we see on the chain ourselves is told all the same.
            intent, unanswered = Intent(handle.reference, "unknown"), error
        seen = witnesses.case(handle, intent, self._chain(handle), grace=self.grace, now=now)
        return witnesses.outcome(handle, seen, unanswered)

    def cancel(self, handle: Handle) -> None:
        """Cancel the PaymentIntent. Its address stays watched: what is sent there is still found."""
        if any(row.amount.units and row.state != "orphaned" for row in self._chain(handle).deposits):
            raise errors.RailRefused("a transfer has arrived")
        try:
            with translated():
                self.client.v1.payment_intents.cancel(
                    handle.reference,
                    {"cancellation_reason": "abandoned"},
                    {"stripe_version": self.version},
                )
        except errors.RailRefused:
            if self._intent(handle).status != "canceled":
                raise errors.RailRefused("a transfer has arrived at the payment provider") from None

    def intent_id(self, handle: Handle) -> str:
        """The PaymentIntent that was opened."""
        return handle.reference

    def _intent(self, handle: Handle) -> Intent:
        with translated():
            found = self.client.v1.payment_intents.retrieve(
                handle.reference, {"expand": ["latest_charge"]}, {"stripe_version": self.version}
            )
        return intents.read(found.to_dict(), payment_attempt_id=handle.payment_attempt_id)

    def _chain(self, handle: Handle) -> Chain:
        with self.sessions() as session:
            return Chain(
                witnesses.at_address(session, handle),
                witnesses.read_at(session, chain_id=self.chain_id),
                witnesses.of_other_tokens(session, handle),
            )
