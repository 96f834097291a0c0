"""What a processor's own books say, in this house's words: movements of its balance, and payouts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger.money import Amount


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of the processor's balance, in the smallest part of `currency`; negative is what left.

    `charge` is whose money it is, where it is somebody's. `payment_attempt_id` is what the metadata say, and
    no promise that we have such an attempt.
    """

    movement_id: str
    type: str
    amount: int
    fee: int
    currency: str
    source: str | None
    charge: str | None
    payment_intent: str | None
    payment_attempt_id: str | None
    transaction_hash: str | None
    created_at: datetime
    available_on: datetime

    @property
    def net(self) -> int:
        """What the balance changed by."""
        return self.amount - self.fee


@dataclass(frozen=True, slots=True)
class Payout:
    """Money on its way to the bank, as the processor says now."""

    payout_id: str
    state: str
    reconciled: str
    amount: int
    currency: str
    automatic: bool
    movement_id: str | None
    failure_movement_id: str | None
    created_at: datetime
    arrives_at: datetime


class Books(Protocol):
    """The books of one processor, for reading. Every method raises RailUnreachable or RailRefused."""

    @property
    def processor_id(self) -> str: ...

    def movements(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Movement]:
        """Every movement created from `begins_at` until before `ends_at`, or nothing at all."""

    def payouts(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Payout]:
        """Every payout created from `begins_at` until before `ends_at`, or nothing at all."""

    def parts_of(self, payout_id: str) -> Sequence[str]:
        """The ids of the movements that an automatic payout consists of."""

    def tax_of(self, payment_intent: str) -> Amount:
        """What of a payment is sales tax."""

    def balance(self) -> Amount:
        """The dollars in the balance, those that are not available yet included."""
