"""USDC on Base, sent by a wallet alone: in deposit mode, or shown to Stripe once it has arrived.

Which of the two opens new payments is a setting. A payment is looked up in the way it was opened.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import stripe

from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from rails import errors
from rails.chain.settings import ChainSettings
from rails.rail import (
    Capabilities,
    Handle,
    Limits,
    Listing,
    Opened,
    Order,
    Outcome,
    RefundOrder,
    Reversed,
    Source,
    Token,
)
from rails.stripe import reversals, versions
from rails.stripe.settings import StripeSettings
from rails.stripe_x402 import witnesses
from rails.stripe_x402.deposit_mode import DepositMode
from rails.stripe_x402.intents import CURRENCY, NETWORK
from rails.stripe_x402.settings import X402Settings
from rails.stripe_x402.verification import TransactionVerification

_KNOWN: Final = {"deposit": versions.takes_deposits, "transaction_verification": versions.takes_verification}


class StripeX402:
    """Exact USDC to an address that Stripe returned."""

    rail_id = "stripe_x402.exact.usdc"
    capabilities = Capabilities(
        agent_initiated=True,
        agent_settleable=True,
        settlement_blocker=None,
        requires_browser=False,
        buyer_modes=("agent_only", "hybrid"),
    )
    # source: Stripe's smallest stablecoin payment is 0.01 USDC.
    limits = Limits(Amount(1, USD), Amount(5000, USD))
    witnesses: tuple[Source, ...] = ("stripe", "chain")

    def __init__(
        self,
        client: stripe.StripeClient,
        sessions: Sessions,
        *,
        stripe_settings: StripeSettings,
        chain_settings: ChainSettings,
        settings: X402Settings,
    ) -> None:
        version, chain_id = stripe_settings.crypto_version, chain_settings.base_chain_id
        token, grace = chain_settings.usdc_address, timedelta(seconds=settings.witness_grace_seconds)
        live = stripe_settings.live
        self._client = client
        self._settings = settings
        self._version = version
        self._deposits = DepositMode(client, sessions, version, chain_id, token, grace)
        self._verified = TransactionVerification(client, sessions, version, chain_id, token, grace, live)
        self.live_money = live
        self.listing = Listing(
            provider="stripe_x402", purchase_path="stripe-x402-deposits", token=_token(chain_settings)
        )

    @property
    def unavailable_reason(self) -> str | None:
        """Why the rail is closed: by setting, or because this Stripe-Version does not know the strategy."""
        if self._settings.stripe_x402_closed:
            return self._settings.stripe_x402_closed
        known = _KNOWN[self._settings.stripe_x402_strategy](self._version)
        return None if known else "stripe_x402_preview_not_configured"

    def open(self, order: Order) -> Opened:
        """Name an address to pay to; the same at every call for an order."""
        if self._settings.stripe_x402_strategy == "transaction_verification":
            return self._verified.open(order)
        return self._deposits.open(order)

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What Stripe's API and our own watcher say, together."""
        return self._opener(handle).look_up(handle, now=now)

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """What Stripe says has left the payment again."""
        intent_id = self._opener(handle).intent_id(handle)
        return reversals.of_payment(self._client, intent_id) if intent_id is not None else ()

    def refund(self, order: RefundOrder) -> str:
        """Have Stripe refund a part of the payment, to the wallet that sent it."""
        intent_id = self._opener(order.handle).intent_id(order.handle)
        if intent_id is None:
            raise errors.RailRefused("nothing_was_charged")
        return reversals.give_back(
            self._client, replace(order, handle=replace(order.handle, reference=intent_id))
        )

    def cancel(self, handle: Handle) -> None:
        """Let nobody pay this attempt any more. Its address stays watched: what is sent there is found."""
        self._opener(handle).cancel(handle)

    def payment_intent_id(self, handle: Handle) -> str | None:
        """Stripe's PaymentIntent of a payment, None before there is one."""
        return self._opener(handle).intent_id(handle)

    def _opener(self, handle: Handle) -> DepositMode | TransactionVerification:
        return self._verified if witnesses.told(handle).shared else self._deposits


def _token(chain: ChainSettings) -> Token:
    return Token(
        scheme="exact",
        network=NETWORK,
        chain_id=chain.base_chain_id,
        currency=CURRENCY,
        contract=chain.usdc_address,
        decimals=USDC.scale,
    )
