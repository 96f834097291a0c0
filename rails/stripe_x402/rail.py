"""Crypto deposits: one PaymentIntent and one fresh Base address per attempt, settled by a wallet alone.

Stripe's newer way (a reusable address and `transaction_verification`) is another strategy of this folder.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from rails import errors, pricing
from rails.chain import deposits
from rails.chain.settings import ChainSettings
from rails.rail import (
    Capabilities,
    CryptoDeposit,
    Handle,
    Limits,
    Listing,
    Opened,
    Order,
    Outcome,
    Source,
    Token,
)
from rails.stripe import versions
from rails.stripe.client import translated
from rails.stripe.settings import StripeSettings
from rails.stripe_x402.judgement import Case, Intent, judge, too_early, without_stripe
from rails.stripe_x402.settings import X402Settings

NETWORK = "base"
CURRENCY = "usdc"


class StripeX402:
    """One PaymentIntent in deposit mode per attempt."""

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
        self._client = client
        self._sessions = sessions
        self._version = stripe_settings.crypto_version
        self._chain = chain_settings
        self._settings = settings
        self.live_money = stripe_settings.live
        self.listing = Listing(
            provider="stripe_x402", purchase_path="stripe-x402-deposits", token=_token(chain_settings)
        )

    @property
    def unavailable_reason(self) -> str | None:
        """Why the rail is closed: by setting, or because this Stripe-Version knows no deposit mode."""
        if self._settings.stripe_x402_closed:
            return self._settings.stripe_x402_closed
        return None if versions.takes_deposits(self._version) else "stripe_x402_preview_not_configured"

    def open(self, order: Order) -> Opened:
        """Create the PaymentIntent under the attempt's id, so that a repeat returns the same address."""
        with translated():
            intent = self._client.v1.payment_intents.create(
                self._params(order),  # type: ignore[arg-type]  # deposit mode is not in the SDK's types yet
                {"idempotency_key": order.payment_attempt_id, "stripe_version": self._version},
            )
        address, contract = _deposit_address(intent.to_dict())
        if contract.lower() != self._chain.usdc_address.lower():
            raise errors.RailRefused("the payment provider named a token contract that nobody watches")
        return Opened(
            reference=intent.id,
            instructions=CryptoDeposit(
                network=NETWORK,
                token_currency=CURRENCY,
                token_contract=contract,
                address=address,
                amount=pricing.in_usdc(order.price),
            ),
        )

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What Stripe's API and our own watcher say, together."""
        try:
            intent, unanswered = self._intent(handle), None
        except errors.RailUnreachable as error:
            intent, unanswered = Intent(handle.reference, "unknown"), error
        case = self._case(handle, intent, now=now)
        if unanswered is not None:
            outcome = without_stripe(case)
            if outcome is None:
                raise unanswered
            return outcome
        judged = judge(case)
        if too_early(judged, case, ends=handle.expires_at, lands_until=handle.lands_until):
            raise errors.RailUnreachable("the chain was not read as far as a transfer may stand")
        return judged

    def _intent(self, handle: Handle) -> Intent:
        with translated():
            found = self._client.v1.payment_intents.retrieve(
                handle.reference, {"expand": ["latest_charge"]}, {"stripe_version": self._version}
            )
        return _read_intent(found.to_dict(), handle)

    def _case(self, handle: Handle, intent: Intent, *, now: datetime) -> Case:
        assert isinstance(handle.instructions, CryptoDeposit)
        with self._sessions() as session:
            seen = deposits.at_address(
                session,
                address=handle.instructions.address.lower(),
                token=handle.instructions.token_contract.lower(),
            )
            foreign = deposits.of_other_tokens(
                session,
                address=handle.instructions.address.lower(),
                token=handle.instructions.token_contract.lower(),
            )
            watcher = deposits.watcher_state(session, chain_id=self._chain.base_chain_id)
        return Case(
            price=handle.price,
            expected=handle.instructions.amount,
            intent=intent,
            deposits=seen,
            chain_read_at=watcher.block_time if watcher else None,
            grace=timedelta(seconds=self._settings.witness_grace_seconds),
            now=now,
            ends=handle.expires_at,
            watched_until=handle.watched_until,
            foreign=foreign,
        )

    def _params(self, order: Order) -> dict[str, Any]:
        return {
            "amount": order.price.units,
            "currency": "usd",
            versions.methods_parameter(self._version): ["crypto"],
            "payment_method_data": {"type": "crypto"},
            "payment_method_options": {
                "crypto": {"mode": "deposit", "deposit_options": {"networks": [NETWORK]}}
            },
            "confirm": True,
            "metadata": {"payment_attempt_id": order.payment_attempt_id, "quote_id": order.quote_id},
        }


def _token(chain: ChainSettings) -> Token:
    return Token(
        scheme="exact",
        network=NETWORK,
        chain_id=chain.base_chain_id,
        currency=CURRENCY,
        contract=chain.usdc_address,
        decimals=USDC.scale,
    )


def _deposit_address(intent: Mapping[str, Any]) -> tuple[str, str]:
    try:
        on_base = intent["next_action"]["crypto_display_details"]["deposit_addresses"][NETWORK]
        token = next(token for token in on_base["supported_tokens"] if token["token_currency"] == CURRENCY)
        return on_base["address"], token["token_contract_address"]
    except (KeyError, TypeError, StopIteration) as error:
        raise errors.RailRefused("the payment provider returned no deposit address") from error


def _read_intent(intent: Mapping[str, Any], handle: Handle) -> Intent:
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    crypto = (charge.get("payment_method_details") or {}).get("crypto") or {}
    ours = (intent.get("metadata") or {}).get("payment_attempt_id") == handle.payment_attempt_id
    in_dollars = ours and intent.get("currency") == "usd"
    created, canceled = charge.get("created"), intent.get("canceled_at")
    return Intent(
        reference=intent["id"],
        status=intent["status"],
        cancellation_reason=intent.get("cancellation_reason"),
        canceled_at=datetime.fromtimestamp(canceled, UTC) if canceled else None,
        settled_at=datetime.fromtimestamp(created, UTC) if created else None,
        transaction_hash=crypto.get("transaction_hash"),
        received=Amount(intent["amount_received"], USD) if in_dollars else None,
    )
