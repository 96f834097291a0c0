"""Expected failures of buying.

RailsError
├── BadRequest                what was asked for cannot be sold
│   ├── BadAmount             credits outside 1..5000, or neither or both of credits and pack
│   ├── PriceNotTaken         the quote's rail takes no payment so small, or so large
│   ├── PackNotFound
│   └── MethodUnavailable     unknown rail, or one that takes no payment now
├── Conflict
│   ├── QuoteConflict         the quote key belongs to other terms
│   ├── PurchaseConflict      the buy key belongs to another quote
│   ├── MethodMismatch        the quote is for another rail
│   ├── QuoteExpired
│   └── InFlight              another call opens this payment right now
├── SpendLimitReached         more than the agent may buy in a day
├── NotFound                  unknown, or another agent's
│   ├── QuoteNotFound
│   └── PurchaseNotFound
└── RailError                 the processor
    ├── RailUnreachable       no answer: what happened is unknown, try again with the same key
    └── RailRefused           a definite no

OperatorError                 what a person of the house asked for and cannot be done; no agent meets it
├── NothingToCancel           the attempt has ended, or nothing was opened yet
├── SwitchedAlready           the rail is as it was to become
├── RefundError
│   ├── NothingPaid           nothing is left of the payment
│   ├── RefundTooLarge        less than that is left of it
│   └── RefundConflict        the key belongs to another refund
├── ResolutionError           an exception cannot be decided so
│   ├── ExceptionNotFound
│   ├── NotAllowed            this kind, at this moment, cannot be resolved so
│   ├── AlreadyResolved       somebody, or the house, has closed it
│   └── ChangedMeanwhile      what arrived is not what the operator decided about
├── BreakError
│   ├── BreakNotFound
│   └── NotABreak             nothing is open here that a person could explain
└── InboxError
    ├── NoticeNotFound
    ├── NoticeBusy            somebody handles it right now
    └── NothingToDo           it is what it was to become
"""

from dataclasses import dataclass
from datetime import datetime


class RailsError(Exception):
    """Root of the tree. `code` is stable."""

    code = "RAILS_ERROR"


class OperatorError(Exception):
    """What a person of the house asked for cannot be done: the message says why, and no agent hears it."""

    code = "OPERATOR_ERROR"


class SwitchedAlready(OperatorError):
    """The rail is as it was to become, by this or by somebody else's hand."""

    code = "RAIL_SWITCHED_ALREADY"


class BadRequest(RailsError):
    """What was asked for cannot be sold."""


class BadAmount(BadRequest):
    """The amount is outside what a quote may have."""

    code = "INVALID_ARGUMENTS"


@dataclass
class PriceNotTaken(BadRequest):
    """The price of this quote is outside what its rail takes. Nothing was charged."""

    credits: int
    rail_id: str
    code = "PAYMENT_AMOUNT_NOT_TAKEN"


class PackNotFound(BadRequest):
    """No pack has this id."""

    code = "CREDIT_PACK_NOT_FOUND"


class MethodUnavailable(BadRequest):
    """No rail of this name takes payments now."""

    code = "PAYMENT_METHOD_UNAVAILABLE"


class Conflict(RailsError):
    """The request contradicts what the house already holds."""


class QuoteConflict(Conflict):
    """The quote key was used for other terms."""

    code = "CREDIT_QUOTE_CONFLICT"


@dataclass
class PurchaseConflict(Conflict):
    """The buy key was used for another quote."""

    quote_id: str
    rail_id: str
    code = "CREDIT_PURCHASE_CONFLICT"


@dataclass
class MethodMismatch(Conflict):
    """The quote is for another rail."""

    quote_id: str
    rail_id: str
    code = "PAYMENT_METHOD_MISMATCH"


@dataclass
class QuoteExpired(Conflict):
    """The quote can no longer be bought."""

    credits: int
    pack_id: str | None
    rail_id: str
    code = "CREDIT_QUOTE_EXPIRED"


class NothingToCancel(OperatorError):
    """The attempt has ended, or nothing exists at its processor yet."""

    code = "NOTHING_TO_CANCEL"


class InFlight(Conflict):
    """Another call is opening the payment: ask again with the same key, and its answer is yours too."""

    code = "IDEMPOTENCY_IN_FLIGHT"


@dataclass
class SpendLimitReached(RailsError):
    """The price is more than is left of what the agent may buy in a day."""

    agent_id: str
    rail_id: str
    limit_cents: int
    used_cents: int
    resets_at: datetime
    code = "PURCHASE_LIMIT_EXCEEDED"

    @property
    def remaining_cents(self) -> int:
        """What may still be bought before `resets_at`."""
        return max(0, self.limit_cents - self.used_cents)


class NotFound(RailsError):
    """Unknown, or another agent's: the answer is the same."""


class QuoteNotFound(NotFound):
    """No quote of this agent has this id."""

    code = "CREDIT_QUOTE_NOT_FOUND"


class PurchaseNotFound(NotFound):
    """No purchase of this agent has this reference."""

    code = "CREDIT_PURCHASE_NOT_FOUND"


class ResolutionError(OperatorError):
    """An exception cannot be resolved as it was asked for. Nothing was done."""

    code = "RESOLUTION_REFUSED"


class ExceptionNotFound(ResolutionError):
    """No exception has this id."""

    code = "EXCEPTION_NOT_FOUND"


class NotAllowed(ResolutionError):
    """What is known of it now does not allow this resolution."""

    code = "RESOLUTION_NOT_ALLOWED"


class AlreadyResolved(ResolutionError):
    """It was closed before, in another way."""

    code = "EXCEPTION_ALREADY_RESOLVED"


class ChangedMeanwhile(ResolutionError):
    """What arrived is no longer what was decided about."""

    code = "EXCEPTION_CHANGED"


class RailError(RailsError):
    """The processor did not do what it was asked."""

    code = "PAYMENT_PROVIDER_FAILURE"


class RailUnreachable(RailError):
    """No answer: what happened is unknown. Ask again with the same key."""


class RailRefused(RailError):
    """The processor said no, and will say it again. `replayed` if that was before, and nobody asked now."""

    def __init__(self, message: str, *, replayed: bool = False) -> None:
        super().__init__(message)
        self.replayed = replayed


class RefundError(OperatorError):
    """An operator asked for a refund that nobody can make."""

    code = "REFUND_ERROR"


class NothingPaid(RefundError):
    """Nothing was paid, or nothing is left of it."""

    code = "NOTHING_PAID"


@dataclass
class RefundTooLarge(RefundError):
    """Less is left of the payment than should go back."""

    left_cents: int
    code = "REFUND_TOO_LARGE"

    def __str__(self) -> str:
        return f"only {self.left_cents // 100}.{self.left_cents % 100:02d} dollars are left of this payment"


class RefundConflict(RefundError):
    """The key was used for another refund."""

    code = "REFUND_CONFLICT"


class InboxError(OperatorError):
    """What a person asked of a notice cannot be done. The message says why."""

    code = "INBOX_ERROR"


class NoticeNotFound(InboxError):
    """No notice has this number, or this id at its processor."""

    code = "NOTICE_NOT_FOUND"


class NoticeBusy(InboxError):
    """Somebody handles the notice right now."""

    code = "NOTICE_BUSY"


class NothingToDo(InboxError):
    """The notice needs nobody any more."""

    code = "NOTICE_NOT_WAITING"


class BreakError(OperatorError):
    """A break of reconciliation cannot be explained."""


class BreakNotFound(BreakError):
    """No item of reconciliation has this number."""

    code = "BREAK_NOT_FOUND"


class NotABreak(BreakError):
    """The witnesses agree, are waited for, or somebody was faster."""

    code = "NOT_A_BREAK"
