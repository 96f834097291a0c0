"""Money that leaves a payment again, read from Stripe: refunds, disputes and early fraud warnings.

source: Stripe's reference of the objects Refund, Dispute and Radar's EarlyFraudWarning.
"""

from collections.abc import Iterable
from typing import Final

import stripe

from ledger.money import USD, Amount
from rails import errors
from rails.rail import RefundOrder, ReversalState, Reversed
from rails.stripe.client import translated

_PAGE: Final = 100
_INQUIRIES: Final = ("warning_needs_response", "warning_under_review", "warning_closed")
_OVER: Final = ("won", "prevented", "warning_closed")


def of_payment(client: stripe.StripeClient, reference: str) -> tuple[Reversed, ...]:
    """What has left, or may leave, the payment that `reference` names: a PaymentIntent or Checkout Session.

    raises: RailUnreachable, RailRefused.
    """
    with translated():
        intent = _intent(client, reference)
        if intent is None:
            return ()
        refunds = client.v1.refunds.list(
            {"payment_intent": intent, "limit": _PAGE, "expand": ["data.charge"]}
        ).auto_paging_iter()
        disputes = client.v1.disputes.list(
            {"payment_intent": intent, "limit": _PAGE, "expand": ["data.charge"]}
        ).auto_paging_iter()
        warnings = client.v1.radar.early_fraud_warnings.list(
            {"payment_intent": intent, "limit": _PAGE}
        ).auto_paging_iter()
        return (*map(of_refund, refunds), *map(of_dispute, disputes), *map(of_warning, warnings))


def give_back(client: stripe.StripeClient, order: RefundOrder) -> str:
    """Have Stripe refund a part of a payment. Returns its id, which is the same at every call.

    raises: RailUnreachable, RailRefused with Stripe's word for why.
    """
    # Stripe forgets an idempotency key after a day, and the first answer may have been lost longer ago.
    for known in of_payment(client, order.handle.reference):
        if known.refund_id == order.refund_id:
            return known.reference
    names = {"refund_id": order.refund_id, "payment_attempt_id": order.handle.payment_attempt_id}
    with translated():
        intent = _intent(client, order.handle.reference)
        if intent is None:
            raise errors.RailRefused("nothing_was_charged")
        try:
            made = client.v1.refunds.create(
                {"payment_intent": intent, "amount": order.amount.units, "metadata": names},
                {"idempotency_key": order.refund_id},
            )
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise errors.RailRefused(error.code or f"refused_{error.http_status}") from error
    return made.id


def _intent(client: stripe.StripeClient, reference: str) -> str | None:
    """The PaymentIntent of a payment; None if there is none, as when a discount left nothing to pay."""
    if not reference.startswith("cs_"):
        return reference
    return _named(client.v1.checkout.sessions.retrieve(reference).payment_intent)


def of_refund(refund: stripe.Refund) -> Reversed:
    """What a refund of Stripe's says: its money has left once it succeeded, and may return for a month."""
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return Reversed(
        cause="refund",
        reference=refund.id,
        state=_refund_state(refund),
        amount=Amount(refund.amount, USD),
        charged=_charged(refund.charge),
        refund_id=metadata.get("refund_id"),
        detail={
            "status": refund.status,
            "pending_reason": refund.pending_reason,
            "failure_reason": refund.failure_reason,
            "balance_transaction": _named(refund.balance_transaction),
            "failure_balance_transaction": _named(refund.failure_balance_transaction),
        },
    )


def _refund_state(refund: stripe.Refund) -> ReversalState:
    if refund.status == "succeeded":
        return "gone"
    if refund.status in ("failed", "canceled"):
        return "back" if refund.failure_balance_transaction else "void"
    return "pending"


def of_dispute(dispute: stripe.Dispute) -> Reversed:
    """What a dispute of Stripe's says: its balance transactions tell what has left, and what came back."""
    left = _sum_left(dispute.balance_transactions)
    return Reversed(
        cause="dispute",
        reference=dispute.id,
        state=_dispute_state(dispute, left),
        amount=Amount(left or dispute.amount, USD),
        charged=_charged(dispute.charge),
        suspicious=dispute.status not in (*_INQUIRIES, *_OVER),
        detail={
            "status": dispute.status,
            "reason": dispute.reason,
            "balance_transactions": ",".join(moved.id for moved in dispute.balance_transactions),
        },
    )


def _sum_left(moves: Iterable[stripe.BalanceTransaction]) -> int:
    """Cents that were withdrawn and not put back. Stripe's fee for the dispute is not among them."""
    return max(0, -sum(moved.amount for moved in moves))


def _dispute_state(dispute: stripe.Dispute, left: int) -> ReversalState:
    # The money tells, not the status: a dispute may begin as lost, and be won after an appeal.
    if left:
        return "gone"
    if dispute.balance_transactions:
        return "back"
    return "void" if dispute.status in _OVER else "pending"


def of_warning(warning: stripe.radar.EarlyFraudWarning) -> Reversed:
    """What an early fraud warning of Stripe's says. It moves no money."""
    return Reversed(
        cause="fraud_warning",
        reference=warning.id,
        state="pending" if warning.actionable else "void",
        amount=Amount(0, USD),
        suspicious=warning.actionable,
        detail={"fraud_type": warning.fraud_type},
    )


def _charged(charge: stripe.Charge | str | None) -> Amount | None:
    return Amount(charge.amount, USD) if isinstance(charge, stripe.Charge) else None


def _named(found: stripe.StripeObject | str | None) -> str | None:
    return found if found is None or isinstance(found, str) else str(found["id"])
