"""Stripe's own books: balance transactions, payouts, and the balance they add up to.

source: https://docs.stripe.com/reports/balance-transaction-types, https://docs.stripe.com/payouts/reconciliation
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import stripe

from ledger.money import USD, Amount
from rails.processor import Movement, Payout
from rails.stripe.client import translated

_PAGE: Final = 100
Progress = Callable[[int], None]
"""Told how many movements of a window were read so far."""


class StripeBooks:
    """The books of one Stripe account. Nothing here changes anything at Stripe."""

    processor_id = "stripe"

    def __init__(self, client: stripe.StripeClient, *, progress: Progress = lambda _read: None) -> None:
        self._client = client
        self._progress = progress

    def movements(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Movement]:
        """Every balance transaction of a window, all pages of it."""
        with translated():
            found = self._client.v1.balance_transactions.list(
                {"created": _window(begins_at, ends_at), "limit": _PAGE, "expand": ["data.source"]}
            )
            return self._told(_movement(each.to_dict()) for each in found.auto_paging_iter())

    def payouts(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Payout]:
        """Every payout of a window, in the state it has now."""
        with translated():
            found = self._client.v1.payouts.list({"created": _window(begins_at, ends_at), "limit": _PAGE})
            return tuple(_payout(each.to_dict()) for each in found.auto_paging_iter())

    def parts_of(self, payout_id: str) -> Sequence[str]:
        """The balance transactions of an automatic payout, but for its own."""
        with translated():
            found = self._client.v1.balance_transactions.list({"payout": payout_id, "limit": _PAGE})
            return tuple(each.id for each in found.auto_paging_iter() if each.type != "payout")

    def tax_of(self, payment_intent: str) -> Amount:
        """The sales tax that Checkout added, zero for what was not paid through Checkout."""
        with translated():
            found = self._client.v1.checkout.sessions.list({"payment_intent": payment_intent, "limit": 1})
            details = [each.total_details for each in found.data if each.total_details is not None]
            return Amount(sum(each.amount_tax for each in details), USD)

    def balance(self) -> Amount:
        """What is available and what is pending, in dollars."""
        with translated():
            now = self._client.v1.balance.retrieve()
        available = sum(each.amount for each in now.available if each.currency == "usd")
        pending = sum(each.amount for each in now.pending if each.currency == "usd")
        return Amount(available + pending, USD)

    def _told(self, read: Iterable[Movement]) -> Sequence[Movement]:
        kept: list[Movement] = []
        for movement in read:
            kept.append(movement)
            if len(kept) % _PAGE == 0:
                self._progress(len(kept))
        return tuple(kept)


def _window(begins_at: datetime, ends_at: datetime) -> stripe.params.BalanceTransactionListParamsCreated:
    return {"gte": int(begins_at.timestamp()), "lt": int(ends_at.timestamp())}


def _movement(given: Mapping[str, Any]) -> Movement:
    told = given.get("source")
    source: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    crypto = (source.get("payment_method_details") or {}).get("crypto") or {}
    is_charge = source.get("object") == "charge"
    return Movement(
        movement_id=given["id"],
        type=given["type"],
        amount=given["amount"],
        fee=given["fee"],
        currency=given["currency"],
        source=source.get("id") if source else told if isinstance(told, str) else None,
        charge=source.get("id") if is_charge else _id(source.get("charge")),
        payment_intent=_id(source.get("payment_intent")),
        payment_attempt_id=(source.get("metadata") or {}).get("payment_attempt_id"),
        transaction_hash=crypto.get("transaction_hash"),
        created_at=_time(given["created"]),
        available_on=_time(given["available_on"]),
    )


def _payout(given: Mapping[str, Any]) -> Payout:
    return Payout(
        payout_id=given["id"],
        state=given["status"],
        reconciled=given.get("reconciliation_status") or "not_applicable",
        amount=given["amount"],
        currency=given["currency"],
        automatic=given["automatic"],
        movement_id=_id(given.get("balance_transaction")),
        failure_movement_id=_id(given.get("failure_balance_transaction")),
        created_at=_time(given["created"]),
        arrives_at=_time(given["arrival_date"]),
    )


def _id(given: object) -> str | None:
    """The id of an object that may have come expanded."""
    if isinstance(given, Mapping):
        given = given.get("id")
    return given if isinstance(given, str) else None


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
