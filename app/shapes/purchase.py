"""A purchase as its status shows it."""

from app.envelope import Fields
from app.house import House
from app.shapes import evidence, next_step, quota, recommendations
from app.shapes.attempt import how_to_pay
from app.shapes.policy import payment_policy
from app.shapes.quote import quote
from app.shapes.receipt import credit_event, receipt
from app.times import iso
from ledger.balances import Snapshot
from rails import instructions
from rails.rail import CryptoDeposit
from rails.status import PurchaseView


def purchase(here: House, view: PurchaseView, standing: Snapshot) -> Fields:
    """Where a purchase stands and who has to do what next, beside what its agent can spend."""
    return {
        "state": view.state,
        "terminal": view.terminal,
        "quote": {**quote(view), "x402": None},
        "payment_attempt": _attempt(here, view),
        "receipt": receipt(here, view),
        "credit_event": credit_event(view.receipt),
        "provider_event": evidence.provider_event(here, view),
        "limits": quota.limits(standing),
        "next": next_step.next_step(here, view),
        "next_actions": _next_actions(here, view),
        "payment_policy": payment_policy(here, view),
    }


def settlement(here: House, view: PurchaseView, *, path: str) -> Fields:
    """The transfer that an open deposit waits for, nothing for any other. `path`: where it is spelled out."""
    attempt = view.attempt
    if attempt is None or view.state != "action_required" or view.paying_is_over:
        return {}
    if not isinstance(instructions.read(attempt), CryptoDeposit):
        return {}
    return {"recommended_settlement": recommendations.recommended_settlement(here, attempt, path=path)}


def _attempt(here: House, view: PurchaseView) -> Fields | None:
    attempt = view.attempt
    if attempt is None:
        return None
    return {
        "payment_attempt_id": attempt.payment_attempt_id,
        "attempt_status": "requires_action" if attempt.state == "opening" else attempt.state,
        "expires_at": iso(attempt.expires_at),
        **how_to_pay(here, attempt, view.quote),
        "witnesses": evidence.witnesses(here, view),
        "exception": evidence.exception(view),
    }


def _next_actions(here: House, view: PurchaseView) -> Fields:
    if view.state == "created":
        buy = recommendations.recommended_buy(here, view.quote)
        return {"recommended_buy": buy} if buy else {}
    return settlement(here, view, path="data.payment_attempt.stripe_x402.payable_instructions")
