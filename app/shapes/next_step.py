"""Who has to do what next with a purchase: the contract's `next`."""

from typing import Final, assert_never

from app.envelope import Fields
from app.house import House
from app.shapes import attempt as attempt_shape
from app.shapes import recommendations
from rails import instructions
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit, HostedPage
from rails.status import PurchaseView

POLL_SECONDS: Final = 10
REVIEW_POLL_SECONDS: Final = 300


def next_step(here: House, view: PurchaseView) -> Fields:
    """The next step of a purchase, with commands that run as they stand."""
    attempt = view.attempt
    if attempt is None:
        return _start_again(here, view)
    match view.state:
        case "action_required":
            return _pay(here, view, attempt)
        case "processing":
            return {
                "retry_after_seconds": POLL_SECONDS,
                "agent_action": "wait_for_settlement",
                "message": "a payment has arrived and is being verified; do not pay again",
                "suggested_commands": [_status(here, attempt)],
            }
        case "needs_review":
            return {
                "retry_after_seconds": REVIEW_POLL_SECONDS,
                "actor": "operator",
                "agent_action": "wait_for_review",
                "message": "what arrived is not what was quoted, so a person on our side decides;"
                " it is recorded and nobody must pay again",
                "suggested_commands": [_status(here, attempt)],
            }
        case "created" | "expired" | "failed" | "canceled":
            return _start_again(here, view)
        case "succeeded":
            return {"agent_action": "use_credits", "suggested_commands": [here.commands.quota()]}
        case _:
            assert_never(view.state)


def _start_again(here: House, view: PurchaseView) -> Fields:
    quote = view.quote
    if view.state == "created":
        return {
            "agent_action": "buy",
            "suggested_commands": [recommendations.buy_command(here, quote)],
        }
    again = here.commands.quote(rail_id=quote.rail_id, pack_id=quote.pack_id, credits=quote.credits)
    return {
        "agent_action": "request_new_quote",
        "message": "this purchase is closed; if it was paid nevertheless, do not pay again:"
        " a payment that arrives late is still recorded, and this status will tell",
        "suggested_commands": [again],
    }


def _pay(here: House, view: PurchaseView, attempt: PaymentAttempt) -> Fields:
    told = instructions.read(attempt)
    match told:
        case None:
            # The processor did not answer yet. Buying again under any key finishes this same attempt.
            return {
                "retry_after_seconds": POLL_SECONDS,
                "agent_action": "repeat_buy",
                "suggested_commands": [recommendations.buy_command(here, view.quote)],
            }
        case HostedPage(url=url):
            return {
                "retry_after_seconds": POLL_SECONDS,
                "human_action": "open_checkout_url",
                **attempt_shape.links(here, attempt),
                "fallback_checkout_url": url,
                "after_payment": "credits come once the payment is verified; read the status until then",
                "suggested_commands": [_status(here, attempt)],
            }
        case CryptoDeposit():
            return {
                "retry_after_seconds": POLL_SECONDS,
                "agent_action": "pay_stripe_crypto_deposit",
                "suggested_commands": [_status(here, attempt)],
            }
        case _:
            assert_never(told)


def _status(here: House, attempt: PaymentAttempt) -> str:
    return here.commands.status_of_attempt(attempt.payment_attempt_id)
