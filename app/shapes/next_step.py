"""Who has to do what next with a purchase: the contract's `next`, in words a program can follow.

`actor` and `action` are closed lists. `may_pay` is never an invitation: "no", or "once_unless_sent" while an
attempt is open and only its payer knows whether the money is on its way.
"""

from collections.abc import Mapping
from typing import Final, Literal, assert_never

from app.envelope import Fields
from app.house import House
from app.shapes import attempt as attempt_shape
from app.shapes import evidence, money, recommendations
from app.shapes.quote import not_taken
from ledger.money import CREDIT, USD, Amount
from rails import instructions, pricing
from rails.models import PaymentAttempt, PaymentException
from rails.rail import CryptoDeposit, HostedPage
from rails.status import PurchaseView

POLL_SECONDS: Final = 10
SETTLING_SECONDS: Final = 5
REVIEW_SECONDS: Final = 300
LATE_SECONDS: Final = 60

Actor = Literal["agent", "human", "operator", "none"]
Action = Literal[
    "buy",
    "repeat_buy",
    "pay_unless_sent",
    "open_checkout_url",
    "wait_for_settlement",
    "wait_for_review",
    "wait_for_late_payment",
    "request_new_quote",
    "use_credits",
]
MayPay = Literal["no", "once_unless_sent"]

_DIFFERENCE: Final[Mapping[str, str]] = {
    "underpaid": "less arrived than was asked for",
    "overpaid": "more arrived than was asked for",
    "topped_up": "what was asked for arrived in several transfers",
    "late": "what was asked for was sent after the time to pay",
    "after_close": "what arrived was sent after this payment was closed",
    "retired_address": "what arrived was sent to an address that is not watched any more",
    "wrong_token": "another token arrived than was asked for",
    "several": "more arrived than was asked for, in several transfers",
    "unmatched": "what arrived could not be matched to this purchase",
    "unseen": "the payment provider reports a payment that the chain does not show",
    "mismatch": "what the payment provider reports is not what was quoted",
    "taken_back": "the chain took back what was credited",
    "reversal_rejected": "more went back than was paid",
}


_DECIDED: Final[Mapping[str, str]] = {
    "write_off": "what arrived was not credited, and is kept for whoever sent it: name this payment to us",
    "refund": "what was paid is sent back through the payment provider",
}


def next_step(here: House, view: PurchaseView) -> Fields:
    """The next step of a purchase, with commands that run as they stand."""
    attempt = view.attempt
    if attempt is None:
        return _buy(here, view) if view.state == "created" else ask_again(here, view)
    match view.state:
        case "created" | "action_required":
            return _pay(here, view, attempt)
        case "processing":
            arrived = "a payment has arrived and is being verified; do not pay again"
            return _wait(here, attempt, "wait_for_settlement", arrived, seconds=SETTLING_SECONDS)
        case "needs_review":
            return _review(here, view, attempt)
        case "expired" | "failed" | "canceled":
            return ask_again(here, view) if view.terminal else _late(here, attempt)
        case "succeeded":
            return _step("agent", "use_credits", _paid(view), [here.commands.quota()])
        case _:
            assert_never(view.state)


def ask_again(here: House, view: PurchaseView, *, key: str | None = None) -> Fields:
    """Ask for a new price for the same terms. Without a key the client makes one."""
    quote = view.quote
    again = here.commands.quote(rail_id=quote.rail_id, pack_id=quote.pack_id, credits=quote.credits, key=key)
    never_bought = "this quote has expired and was never bought: ask for a new one, under a new key"
    closed = (
        "this purchase is closed and no payment was seen; if it was paid nevertheless, do not pay again:"
        " a payment that arrives late is still recorded, and its status will tell"
    )
    if (decided := evidence.not_granted(view)) is not None:
        closed = f"this purchase is closed; {_DECIDED[decided]}. A new quote is a new purchase"
    return _step("agent", "request_new_quote", never_bought if view.attempt is None else closed, [again])


def _step(
    actor: Actor,
    action: Action,
    message: str,
    commands: list[str],
    *,
    seconds: int | None = None,
    may_pay: MayPay = "no",
) -> dict[str, object]:
    """A step. `seconds` is how long to wait before the next look, None when there is nothing to wait for."""
    retry = {} if seconds is None else {"retry_after_seconds": seconds}
    return {
        **retry,
        "actor": actor,
        "action": action,
        "may_pay": may_pay,
        # The name of clients that read no other.
        "agent_action": action,
        "message": message,
        "suggested_commands": commands,
    }


def _wait(
    here: House,
    attempt: PaymentAttempt,
    action: Action,
    message: str,
    *,
    seconds: int,
    actor: Actor = "none",
) -> Fields:
    return _step(actor, action, message, [_status(here, attempt)], seconds=seconds)


def _buy(here: House, view: PurchaseView) -> Fields:
    rail = here.rails.get(view.quote.rail_id)
    if rail is None or rail.unavailable_reason is not None:
        closed = "this payment method takes no payments now: ask for a quote on another one"
        return _step("agent", "request_new_quote", closed, [here.commands.methods()], seconds=POLL_SECONDS)
    if not rail.limits.take(Amount(view.quote.price_cents, USD)):
        credits = Amount(view.quote.credits, CREDIT)
        commands = list(recommendations.instead(here, credits=credits, rail=rail))
        words = f"{not_taken(rail)}, so this quote cannot be bought: ask for one of these instead"
        return _step("agent", "request_new_quote", words, commands, seconds=POLL_SECONDS)
    words = "nothing is charged yet: open the payment of this quote before it expires"
    command = recommendations.buy_command(here, view.quote)
    return _step("agent", "buy", words, [command], seconds=POLL_SECONDS)


def _pay(here: House, view: PurchaseView, attempt: PaymentAttempt) -> Fields:
    told = instructions.read(attempt)
    match told:
        case None:
            # The processor did not answer yet. Buying again under any key finishes this same attempt.
            words = "the payment provider has not answered yet: repeat the purchase, it stays the same one"
            again = recommendations.buy_command(here, view.quote)
            return _step("agent", "repeat_buy", words, [again], seconds=POLL_SECONDS)
        case HostedPage() if view.paying_is_over:
            words = "the page is closing; if a person has paid, do not pay again: the status will tell"
            return _wait(here, attempt, "wait_for_settlement", words, seconds=POLL_SECONDS)
        case HostedPage(url=url):
            return _open_page(here, attempt, url)
        case CryptoDeposit() if view.paying_is_over:
            return _late(here, attempt)
        case CryptoDeposit():
            return _send(here, attempt)
        case _:
            assert_never(told)


def _send(here: House, attempt: PaymentAttempt) -> Fields:
    words = (
        "send the exact amount once, in one transfer; if you have already sent it, do not"
        " send it again: read the status until it is seen"
    )
    step = _step(
        "agent",
        "pay_unless_sent",
        words,
        [_status(here, attempt)],
        seconds=POLL_SECONDS,
        may_pay="once_unless_sent",
    )
    return {**step, "agent_action": "pay_stripe_crypto_deposit"}


def _open_page(here: House, attempt: PaymentAttempt, url: str) -> Fields:
    words = "if a person has paid already, nobody must pay again: read the status"
    step = _step(
        "human",
        "open_checkout_url",
        words,
        [_status(here, attempt)],
        seconds=POLL_SECONDS,
        may_pay="once_unless_sent",
    )
    del step["agent_action"]
    return {
        **step,
        "human_action": "open_checkout_url",
        **attempt_shape.links(here, attempt),
        "fallback_checkout_url": url,
        "after_payment": "credits come once the payment is verified; read the status until then",
    }


def _late(here: House, attempt: PaymentAttempt) -> Fields:
    words = (
        "the time to pay is over: send nothing any more. If a transfer was sent in time, do not pay again:"
        " it is still awaited, and the status will tell"
    )
    return _wait(here, attempt, "wait_for_late_payment", words, seconds=LATE_SECONDS)


def _review(here: House, view: PurchaseView, attempt: PaymentAttempt) -> Fields:
    waiting = evidence.waiting(view)
    if waiting is not None and evidence.decided_by_policy(view, waiting):
        words = (
            f"{_difference(view)}; by payment_policy it is credited by itself once it is final:"
            f" {_credits(waiting)}. Do not pay again, and do not send a missing rest"
        )
        return _wait(here, attempt, "wait_for_review", words, seconds=LATE_SECONDS)
    words = (
        f"{_difference(view)}; it is recorded, and a person on our side decides about it."
        " Do not pay again, and do not send a missing rest"
    )
    return _wait(here, attempt, "wait_for_review", words, seconds=REVIEW_SECONDS, actor="operator")


def _credits(row: PaymentException) -> str:
    _, received = evidence.amounts(row)
    cents, dust = pricing.whole_cents(received)
    left = f", and {money.short(dust)} {dust.asset.code} is less than a cent" if dust.units else ""
    return f"{pricing.worth(cents).units} credits{left}"


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


def _status(here: House, attempt: PaymentAttempt) -> str:
    return here.commands.status_of_attempt(attempt.payment_attempt_id)
