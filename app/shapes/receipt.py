"""A receipt and the credit event behind it, as replies show them."""

from app.envelope import Fields
from app.house import House
from app.shapes import evidence
from app.times import iso
from rails.models import Receipt
from rails.status import PurchaseView


def receipt(here: House, view: PurchaseView) -> Fields | None:
    """The receipt of a purchase with its witnesses, None before credits were granted."""
    granted = view.receipt
    if granted is None:
        return None
    return {
        "receipt_id": granted.receipt_id,
        "quote_id": granted.quote_id,
        "payment_attempt_id": granted.payment_attempt_id,
        "credit_event_id": granted.credit_event_id,
        "accepted_payment_method": view.quote.rail_id,
        "provider": here.processor(view.quote.rail_id),
        "amount_cents": view.quote.price_cents,
        "discount_cents": evidence.cents(view, "discount_cents"),
        "received_cents": granted.received_cents,
        "tax_cents": evidence.cents(view, "tax_cents"),
        "currency": "USD",
        "credits_granted": granted.credits,
        "live_money": view.quote.live_money,
        "created_at": iso(granted.created_at),
        "witnesses": evidence.witnesses(here, view),
        "chain_evidence": evidence.chain_evidence(here, view),
        "signed_receipt_url": _signed_at(here, granted) if here.receipt_key is not None else None,
    }


def _signed_at(here: House, granted: Receipt) -> str:
    return f"{here.settings.base_url}/v1/receipts/{granted.receipt_id}"


def credit_event(granted: Receipt | None) -> Fields | None:
    """The ledger's side of a receipt, None before credits were granted."""
    if granted is None:
        return None
    return {
        "credit_event_id": granted.credit_event_id,
        "type": "credits.payment_backed_granted",
        "credits_delta": granted.credits,
        "balance_after": granted.balance_after,
        "receipt_id": granted.receipt_id,
        "created_at": iso(granted.created_at),
    }
