"""How a payer is told to pay, to and from the attempt's row."""

from typing import Any

from ledger.money import ASSETS, Amount
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit, HostedPage, Instructions


def checkout_session_id(attempt: PaymentAttempt) -> str | None:
    """The Checkout session of an attempt, None on other rails: the one id of a processor that agents see."""
    reference = attempt.reference
    return reference if reference is not None and reference.startswith("cs_") else None


def write(instructions: Instructions) -> dict[str, Any]:
    """The instructions as JSON for the row."""
    match instructions:
        case HostedPage(url=url):
            return {"kind": "hosted_page", "url": url}
        case CryptoDeposit() as deposit:
            return {
                "kind": "crypto_deposit",
                "network": deposit.network,
                "token_currency": deposit.token_currency,
                "token_contract": deposit.token_contract,
                "address": deposit.address,
                "units": deposit.amount.units,
                "asset": deposit.amount.asset.code,
                "shared": deposit.shared,
            }


def read(attempt: PaymentAttempt) -> Instructions | None:
    """The instructions of an attempt, None while its payment is not open at the processor."""
    kept = attempt.instructions
    if kept is None:
        return None
    if kept["kind"] == "hosted_page":
        return HostedPage(url=kept["url"])
    return CryptoDeposit(
        network=kept["network"],
        token_currency=kept["token_currency"],
        token_contract=kept["token_contract"],
        address=kept["address"],
        amount=Amount(kept["units"], ASSETS[kept["asset"]]),
        shared=kept.get("shared", False),
    )
