"""PaymentIntents over crypto: what is asked of Stripe, and how its answers are read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ledger.money import USD, Amount
from rails import errors, pricing
from rails.rail import CryptoDeposit, Order
from rails.stripe import versions
from rails.stripe_x402.judgement import Intent

NETWORK: Final = "base"
CURRENCY: Final = "usdc"


def deposit(order: Order, *, version: str) -> dict[str, Any]:
    """A payment that opens an address of its own."""
    return _crypto(
        order.price,
        names={"payment_attempt_id": order.payment_attempt_id, "quote_id": order.quote_id},
        options={"mode": "deposit", "deposit_options": {"networks": [NETWORK]}},
        version=version,
    )


def verification(
    price: Amount, *, payment_attempt_id: str, quote_id: str, transaction_hash: str, version: str
) -> dict[str, Any]:
    """A payment that was made already, by this transaction."""
    shown = {"network": NETWORK, "transaction_hash": transaction_hash}
    return _crypto(
        price,
        names={"payment_attempt_id": payment_attempt_id, "quote_id": quote_id},
        options={"mode": "transaction_verification", "transaction_verification_options": shown},
        version=version,
    )


def deposit_details(intent: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a PaymentIntent in deposit mode says of its address on Base; nothing if it names none."""
    try:
        details: Mapping[str, Any] = intent["next_action"]["crypto_display_details"]["deposit_addresses"][
            NETWORK
        ]
    except (KeyError, TypeError):
        return {}
    return details


def instructions(told: Mapping[str, Any], *, price: Amount, watched: str, shared: bool) -> CryptoDeposit:
    """How to pay at the address that Stripe has told of. `watched` is the contract that our watcher reads.

    raises: RailRefused if it names none, or takes a token that nobody watches
    """
    try:
        token = next(token for token in told["supported_tokens"] if token["token_currency"] == CURRENCY)
        address, contract = told["address"], token["token_contract_address"]
    except (KeyError, TypeError, StopIteration) as error:
        raise errors.RailRefused("the payment provider returned no deposit address") from error
    if contract.lower() != watched.lower():
        raise errors.RailRefused("the payment provider named a token contract that nobody watches")
    return CryptoDeposit(
        network=NETWORK,
        token_currency=CURRENCY,
        token_contract=contract,
        address=address,
        amount=pricing.in_usdc(price),
        shared=shared,
    )


def read(intent: Mapping[str, Any], *, payment_attempt_id: str) -> Intent:
    """What a PaymentIntent says, with its charge expanded."""
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    crypto = (charge.get("payment_method_details") or {}).get("crypto") or {}
    ours = (intent.get("metadata") or {}).get("payment_attempt_id") == payment_attempt_id
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


def _crypto(
    price: Amount, *, names: Mapping[str, str], options: Mapping[str, object], version: str
) -> dict[str, Any]:
    return {
        "amount": price.units,
        "currency": "usd",
        versions.methods_parameter(version): ["crypto"],
        "payment_method_data": {"type": "crypto"},
        "payment_method_options": {"crypto": dict(options)},
        "confirm": True,
        "metadata": dict(names),
    }
