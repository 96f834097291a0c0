"""Who has to do what next with a purchase: the contract's `next`."""

from collections.abc import Mapping
from typing import Final, assert_never

from app.envelope import Fields
from app.house import House
from app.shapes import attempt as attempt_shape
from app.shapes import evidence, money, recommendations
from rails import instructions
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit, HostedPage
from rails.status import PurchaseView

POLL_SECONDS: Final = 10
REVIEW_POLL_SECONDS: Final = 300

_DIFFERENCE: Final[Mapping[str, str]] = {
    "underpaid": "less arrived than was asked for",
    "overpaid": "more arrived than was asked for",
    "several": "more arrived than was asked for, in several transfers",
    "unmatched": "what arrived could not be matched to this purchase",
    "unseen": "the payment provider reports a payment that the chain does not show",
    "mismatch": "what the payment provider reports is not what was quoted",
}


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
                "message": f"{_difference(view)}; it is recorded, and a person on our side decides about it."
                " Do not pay again, and do not send a missing rest",
                "suggested_commands": [_status(here, attempt)],
            }
        case "created" | "expired" | "failed" | "canceled":
            return _start_again(here, view)
        case "succeeded":
            return {
                "agent_action": "use_credits",
                "message": _paid(view),
                "suggested_commands": [here.commands.quota()],
            }
        case _:
            assert_never(view.state)


def _paid(view: PurchaseView) -> str:
    if evidence.exception(view) is None:
        return "this purchase is paid and its credits are granted; do not pay again"
    return (
        f"the credits are granted, and {_difference(view)}: a person on our side decides about the rest."
        " Nothing needs to be paid; do not pay again"
    )


def _difference(view: PurchaseView) -> str:
    """What is not as it should be, in words and figures."""
    waiting = evidence.waiting(view)
    if waiting is None:
        return "what arrived is not what was quoted"
    expected, received = evidence.amounts(waiting)
    words = _DIFFERENCE.get(waiting.kind, "what arrived is not what was quoted")
    asset = received.asset.code
    return f"{words} (asked {money.short(expected)}, seen {money.short(received)} {asset})"


def ask_again(here: House, view: PurchaseView, *, key: str | None = None) -> Fields:
    """Ask for a new price for the same terms. Without a key the client makes one."""
    quote = view.quote
    again = here.commands.quote(rail_id=quote.rail_id, pack_id=quote.pack_id, credits=quote.credits, key=key)
    never_bought = "this quote has expired and was never bought: ask for a new one, under a new key"
    closed = (
        "this purchase is closed; if it was paid nevertheless, do not pay again:"
        " a payment that arrives late is still recorded, and its status will tell"
    )
    return {
        "agent_action": "request_new_quote",
        "message": never_bought if view.attempt is None else closed,
        "suggested_commands": [again],
    }


def _start_again(here: House, view: PurchaseView) -> Fields:
    if view.state != "created":
        return ask_again(here, view)
    return {
        "agent_action": "buy",
        "suggested_commands": [recommendations.buy_command(here, view.quote)],
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
                "message": "if a person has paid already, nobody must pay again: read the status",
                "suggested_commands": [_status(here, attempt)],
            }
        case CryptoDeposit():
            return {
                "retry_after_seconds": POLL_SECONDS,
                "agent_action": "pay_stripe_crypto_deposit",
                "message": "send the exact amount once, in one transfer; if you have already sent it, do not"
                " send it again: read the status until it is seen",
                "suggested_commands": [_status(here, attempt)],
            }
        case _:
            assert_never(told)


def _status(here: House, attempt: PaymentAttempt) -> str:
    return here.commands.status_of_attempt(attempt.payment_attempt_id)
