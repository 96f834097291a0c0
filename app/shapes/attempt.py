"""How to pay an attempt, as replies show it: of the processor's ids only the Checkout session's."""

from typing import Final, assert_never

from app.envelope import Fields
from app.house import House
from app.shapes import money
from app.times import iso
from ledger.money import USD, Amount
from rails import instructions
from rails.models import PaymentAttempt, Quote
from rails.rail import CryptoDeposit, HostedPage

# Agents are promised exactly these in place of what is never shown.
REDACTED: Final = {
    "payment_intent_id": "[redacted-stripe-payment-intent]",
    "deposit_address": "[redacted-stripe-crypto-deposit-address]",
    "client_secret": "[redacted-stripe-client-secret]",
}


def how_to_pay(here: House, attempt: PaymentAttempt, quote: Quote) -> Fields:
    """The fields that tell how to pay, alike in the buy and the status reply and in every state.

    They stay when money was seen, because clients are promised them wherever a deposit address exists
    (contract, rows 85 and 108) and a wallet may be asked for them afterwards; that nobody must pay again
    is for `next` to say.
    """
    told = instructions.read(attempt)
    match told:
        case None:
            return {}
        case HostedPage(url=url):
            session_id = instructions.checkout_session_id(attempt)
            named = {"checkout_session_id": session_id} if session_id is not None else {}
            return {**named, **links(here, attempt), "checkout_url": url}
        case CryptoDeposit():
            return {"stripe_x402": _deposit(attempt, quote, told)}
        case _:
            assert_never(told)


def links(here: House, attempt: PaymentAttempt) -> Fields:
    """The short address to hand to a person, under both of its names."""
    handoff = f"{here.settings.base_url}/pay/{attempt.payment_attempt_id}"
    return {"checkout_handoff_url": handoff, "checkout_compact_url": handoff}


def _deposit(attempt: PaymentAttempt, quote: Quote, deposit: CryptoDeposit) -> Fields:
    return {
        "method_id": attempt.rail_id,
        "scheme": "exact",
        "network": deposit.network,
        "token_currency": deposit.token_currency,
        "deposit_address_present": True,
        "payable_instructions": {
            "kind": "stripe_crypto_deposit",
            "network": deposit.network,
            "token_currency": deposit.token_currency,
            "token_decimals": deposit.amount.asset.scale,
            "token_amount": money.short(deposit.amount),
            "token_amount_atomic": str(deposit.amount.units),
            "amount_cents": quote.price_cents,
            "amount_usd": money.short(Amount(quote.price_cents, USD)),
            "deposit_address": deposit.address,
            "token_contract_address": deposit.token_contract,
            "supported_token_currencies": [deposit.token_currency],
            "expires_at": iso(attempt.expires_at),
            "exact_amount_required": True,
        },
        "redacted": REDACTED,
    }
