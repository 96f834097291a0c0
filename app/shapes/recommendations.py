"""What an agent should do next with its money, as commands that run as they stand."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from app.commands import purchase_key
from app.envelope import Fields
from app.house import House
from ledger.money import CREDIT, USD, Amount
from rails import catalog, pricing
from rails.models import PaymentAttempt, Quote
from rails.rail import Rail
from rails.status import NONE_PENDING, Pending, PurchaseView

Reason = Literal[
    "credits_depleted",
    "daily_job_cap_reached",
    "low_remaining_credits",
    "self_fund_setup_missing",
    "available",
]

# In order of urgency: the word that clients know, and its score.
_URGENCY: Final[Mapping[Reason, tuple[str, int]]] = {
    "credits_depleted": ("blocked", 100),
    "daily_job_cap_reached": ("blocked", 100),
    "low_remaining_credits": ("near_wall", 80),
    "self_fund_setup_missing": ("setup_recommended", 60),
    "available": ("available", 0),
}


def by_preference(here: House) -> Sequence[Rail]:
    """The rails that take payments now: those that an agent can settle alone come first."""
    open_now = [rail for rail in here.rails.values() if rail.unavailable_reason is None]
    return sorted(open_now, key=lambda rail: not alone(rail))


def alone(rail: Rail) -> bool:
    """Whether an agent settles this rail without a person or a browser."""
    return rail.capabilities.agent_settleable and not rail.capabilities.requires_browser


def recommended_quote(here: House) -> Fields | None:
    """The quote to ask for, None when nothing is for sale."""
    rail = next(iter(by_preference(here)), None)
    if rail is None:
        return None
    return {
        "purpose": "quote_credit_top_up",
        "recommendation_reason": _reason(rail),
        "method_id": rail.rail_id,
        "pack_id": catalog.DEFAULT_PACK_ID,
        "command": _quote_command(here, rail),
        "quote_command": _quote_command(here, rail),
        "quote_command_copy_runnable": True,
        "buy_command": here.commands.buy(provider=rail.listing.provider),
        "status_command": here.commands.status_of_attempt(),
        "requires_auth": True,
        "live_money": rail.live_money,
        "requires_browser": rail.capabilities.requires_browser,
        "agent_settleable": rail.capabilities.agent_settleable,
        "command_effect": _quote_effect(rail),
    }


def recommended_buy(here: House, quote: Quote) -> Fields | None:
    """The purchase of a quote, None when its rail takes no payments now, or none of this price."""
    rail = here.rails.get(quote.rail_id)
    if rail is None or rail.unavailable_reason is not None:
        return None
    if not rail.limits.take(Amount(quote.price_cents, USD)):
        return None
    return {
        "purpose": "complete_credit_top_up",
        "recommendation_reason": _reason(rail),
        "quote_id": quote.quote_id,
        "method_id": rail.rail_id,
        "provider": rail.listing.provider,
        "command": buy_command(here, quote),
        "buy_command_copy_runnable": True,
        "purchase_idempotency_key": purchase_key(quote.quote_id),
        "status_command": here.commands.status_of_quote(quote.quote_id),
        "status_command_copy_runnable": True,
        "status_command_after_payment": here.commands.status_of_attempt(),
        "status_command_after_payment_copy_runnable": False,
        "requires_auth": True,
        "live_money": quote.live_money,
        "requires_browser": rail.capabilities.requires_browser,
        "agent_settleable": rail.capabilities.agent_settleable,
        "human_handoff_required": not alone(rail),
        "command_effect": {
            "label": f"{_money(quote.live_money)}_payment_attempt_requires_completion",
            "no_spend": False,
            "payment_attempt": True,
            "credit_debit": False,
            "media_write": False,
            "wallet_settlement": False,
        },
    }


def recommended_settlement(here: House, attempt: PaymentAttempt, *, path: str) -> Fields:
    """The transfer to make. `path` is where in this reply the address and the amount stand."""
    return {
        "purpose": "settle_stripe_x402_credit_top_up",
        "quote_id": attempt.quote_id,
        "payment_attempt_id": attempt.payment_attempt_id,
        "method_id": attempt.rail_id,
        "payable_instructions_path": path,
        "status_command": here.commands.status_of_attempt(attempt.payment_attempt_id),
        "quota_command": here.commands.quota(),
        "command_effect": {"wallet_settlement": True, "credit_debit": False, "media_write": False},
    }


def instead(here: House, *, credits: Amount, rail: Rail) -> Sequence[str]:
    """The quotes to ask for when `rail` does not take the price of `credits`.

    First the nearest amount that this rail takes, then the same amount on every rail that takes it.
    """
    wanted, limits = pricing.price(credits), rail.limits
    nearest = limits.minimum if wanted < limits.minimum else limits.maximum
    others = [each for each in by_preference(here) if each is not rail and each.limits.take(wanted)]
    return [
        here.commands.quote(rail_id=rail.rail_id, credits=pricing.worth(nearest).units),
        *(here.commands.quote(rail_id=each.rail_id, credits=credits.units) for each in others),
    ]


def quotes_instead(here: House, fixed: Quote) -> Sequence[str]:
    """The quotes to ask for when the rail of this one does not take its price, none if it does."""
    rail = here.rails.get(fixed.rail_id)
    if rail is None or rail.limits.take(Amount(fixed.price_cents, USD)):
        return []
    return instead(here, credits=Amount(fixed.credits, CREDIT), rail=rail)


def buy_command(here: House, quote: Quote) -> str:
    """The command that opens the payment of a quote, or returns it: the same key at every try."""
    return here.commands.buy(
        provider=here.provider_flag(quote.rail_id),
        quote_id=quote.quote_id,
        key=purchase_key(quote.quote_id),
    )


def top_up(
    here: House, available: Amount, *, also: Sequence[Reason] = (), pending: Pending = NONE_PENDING
) -> Fields:
    """Whether and how to buy credits, for a balance. `also` are reasons that the balance does not tell.

    While money of a `pending` purchase may be on its way, looking after that comes first.
    """
    rails = by_preference(here)
    waiting = [_pending(here, view) for view in pending.purchases]
    told_of = {"pending_purchases": waiting, "more_pending_purchases": pending.more}
    if not rails:
        return {"available": False, "recommended": False, **told_of}
    reasons = _reasons_to_buy(available.units, low=here.settings.low_credits, also=also)
    reason = reasons[0] if reasons else "available"
    urgency, score = _URGENCY[reason]
    first, fallback = rails[0], rails[-1]
    quote = _quote_command(here, first)
    steps = (quote, here.commands.buy(provider=first.listing.provider), here.commands.status_of_attempt())
    return {
        "available": True,
        "recommended": reason != "available" and not waiting,
        "recommendation_reason": reason,
        "urgency": urgency,
        "urgency_score": score,
        "urgency_reasons": reasons,
        "path": "browserless_agent_self_fund" if alone(first) else "human_payment_handoff",
        "preferred_payment_method": first.rail_id,
        "first_command": waiting[0]["status_command"] if waiting else quote,
        **told_of,
        "quote_command": quote,
        "quote_command_copy_runnable": True,
        "quote_command_effect": _quote_effect(first),
        "commands": {
            "inspect_methods": here.commands.methods(),
            "inspect_packs": here.commands.packs(),
            "quote": quote,
            "buy": steps[1],
            "status": steps[2],
            "fallback_quote": _quote_command(here, fallback),
            "fallback_buy": here.commands.buy(provider=fallback.listing.provider),
        },
        "workflow": {"steps": [{"command": command} for command in steps]},
    }


def _pending(here: House, view: PurchaseView) -> Fields:
    assert view.attempt is not None, "what was never bought is not pending"
    attempt_id = view.attempt.payment_attempt_id
    return {
        "payment_attempt_id": attempt_id,
        "state": view.state,
        "credits": view.quote.credits,
        "status_command": here.commands.status_of_attempt(attempt_id),
    }


def _reasons_to_buy(credits: int, *, low: int, also: Sequence[Reason]) -> Sequence[Reason]:
    """Every reason there is, the most urgent first."""
    found = set(also)
    if credits <= 0:
        found.add("credits_depleted")
    elif credits < low:
        found.add("low_remaining_credits")
    return [reason for reason in _URGENCY if reason in found]


def _quote_command(here: House, rail: Rail) -> str:
    return here.commands.quote(rail_id=rail.rail_id, pack_id=catalog.DEFAULT_PACK_ID)


def _reason(rail: Rail) -> str:
    return "browserless_agent_self_fund" if alone(rail) else "human_checkout_handoff"


def _quote_effect(rail: Rail) -> Fields:
    return {
        "label": f"{_money(rail.live_money)}_quote_no_charge",
        "no_spend": True,
        "payment_object": True,
        "credit_debit": False,
        "media_write": False,
    }


def _money(live: object) -> str:
    return "live_money" if live else "test_money"
