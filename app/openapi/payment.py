"""What a step of paying costs and over which rails, for clients that read `x-payment-info`.

source: draft-payment-discovery-01, "Payment Extension"; what goes beyond it is docs/decisions/0015.
"""

from collections.abc import Iterable
from typing import Final

from app.openapi.schemas import Schema
from ledger.money import USD, Amount
from rails import catalog
from rails.rail import Rail

CENTS_PER_CREDIT: Final = 1


def info(rails: Iterable[Rail]) -> Schema:
    """The price of a credit and an offer for each of these rails. What is bought decides the amount."""
    return {
        "price": {
            "mode": "dynamic",
            "currency": "USD",
            "min": _dollars(catalog.MIN_CREDITS),
            "max": _dollars(catalog.MAX_CREDITS),
            "cents_per_credit": CENTS_PER_CREDIT,
        },
        "offers": [_offer(rail) for rail in rails],
    }


def _offer(rail: Rail) -> Schema:
    can = rail.capabilities
    return {
        "intent": "charge",
        "method": (rail.witnesses or (rail.listing.provider,))[0],
        # Not a fixed price: the quote names it.
        "amount": None,
        "currency": rail.listing.token.contract if rail.listing.token else "usd",
        "description": f"1 credit costs exactly 1 US cent; {_how(rail)}.",
        "method_id": rail.rail_id,
        "live_money": rail.live_money,
        "available": rail.unavailable_reason is None,
        "unavailable_reason": rail.unavailable_reason,
        "agent_settleable": can.agent_settleable,
        "settlement_blocker": can.settlement_blocker,
        "requires_browser": can.requires_browser,
        "min_amount_cents": rail.limits.minimum.units,
        "max_amount_cents": rail.limits.maximum.units,
        "purchase_endpoint": f"/v1/credit-purchases/{rail.listing.purchase_path}",
        **_token(rail),
    }


def _token(rail: Rail) -> Schema:
    token = rail.listing.token
    if token is None:
        return {}
    return {
        "scheme": token.scheme,
        "network": token.network,
        "chain_id": token.chain_id,
        "token_currency": token.currency,
        "token_contract_address": token.contract,
        "token_decimals": token.decimals,
    }


def _how(rail: Rail) -> str:
    token = rail.listing.token
    if token is None:
        return "a person pays on a page" if rail.capabilities.requires_browser else "paid by the agent"
    return f"one transfer of exactly the quoted amount of {token.currency.upper()} on {token.network}"


def _dollars(credits: int) -> str:
    return Amount(credits * CENTS_PER_CREDIT, USD).decimal()
