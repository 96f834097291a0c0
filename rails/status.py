"""Reading a purchase: one consistent view of a quote, its attempt, its witnesses and its receipt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import and_, case, or_
from sqlmodel import Session, col, select

from rails import errors, promises, states
from rails.models import Activity, EvidenceRow, PaymentAttempt, PaymentException, Quote, Receipt
from rails.settings import story

_MOST_PENDING: Final = 5
ReferenceKind = Literal["quote_id", "payment_attempt_id", "checkout_session_id", "receipt_id"]
PurchaseState = Literal[
    "created", "action_required", "processing", "needs_review", "succeeded", "expired", "failed", "canceled"
]


QuoteState = Literal["created", "expired"]


@dataclass(frozen=True, slots=True)
class PurchaseView:
    """Everything known of one purchase at one moment."""

    state: PurchaseState
    quote: Quote
    attempt: PaymentAttempt | None
    receipt: Receipt | None
    evidence: tuple[EvidenceRow, ...]
    exceptions: tuple[PaymentException, ...]
    quote_state: QuoteState
    """Expired: it can no longer be bought. An attempt that is open or paid keeps the price it was given."""
    promised: Mapping[str, str]
    """`review` or `credit` for each kind: of the attempt, or before there is one, what it would be today."""
    now: datetime

    @property
    def paying_is_over(self) -> bool:
        """Whether the time to pay is up, whatever has arrived."""
        return self.attempt is not None and self.attempt.expires_at <= self.now

    @property
    def may_land_until(self) -> datetime | None:
        """Until when a transfer that was sent in time may still be on its way; None if none can be.

        A page is closed by its processor. A chain closes nothing, so its attempts are given this long.
        """
        attempt = self.attempt
        if attempt is None or attempt.deposit_address is None or self.state == "succeeded":
            return None
        return attempt.expires_at + story().late_payment

    @property
    def terminal(self) -> bool:
        """Whether nothing is left to wait for."""
        match self.state:
            case "succeeded":
                return True
            case "expired" | "failed" | "canceled":
                # The clock alone does not say so: somebody has to have looked since.
                looked_at = self.attempt.looked_at if self.attempt is not None else None
                until = self.may_land_until
                return until is None or (looked_at is not None and looked_at >= until)
            case _:
                return False

    @property
    def changes_at(self) -> datetime | None:
        """When the clock alone changes what is told of it; None if never."""
        ends = self.attempt.expires_at if self.attempt is not None else None
        moments = (self.quote.expires_at, ends, self.may_land_until)
        return min((each for each in moments if each is not None and each > self.now), default=None)


def find(
    session: Session, *, agent_id: str, kind: ReferenceKind, reference: str, now: datetime
) -> PurchaseView:
    """The purchase an agent means by one of its references.

    raises: QuoteNotFound, PurchaseNotFound, for unknown references and for other agents' alike.
    """
    quote_id = _quote_id(session, kind=kind, reference=reference)
    quote = session.get(Quote, quote_id) if quote_id else None
    if quote is None or quote.agent_id != agent_id:
        raise (errors.QuoteNotFound if kind == "quote_id" else errors.PurchaseNotFound)(
            "no purchase of yours"
        )
    return view(session, quote=quote, now=now)


def view(session: Session, *, quote: Quote, now: datetime) -> PurchaseView:
    """The purchase of `quote` as it stands."""
    attempt = session.exec(
        select(PaymentAttempt).where(PaymentAttempt.quote_id == quote.quote_id)
    ).one_or_none()
    if attempt is None:
        unbought = _quote_state("expired", quote, now=now)
        today = promises.of_today(session)
        return PurchaseView(unbought, quote, None, None, (), (), unbought, today, now)
    attempt_id = attempt.payment_attempt_id
    receipt = session.exec(select(Receipt).where(Receipt.payment_attempt_id == attempt_id)).one_or_none()
    evidence = session.exec(
        select(EvidenceRow)
        .where(EvidenceRow.payment_attempt_id == attempt_id)
        .order_by(col(EvidenceRow.source).desc(), col(EvidenceRow.first_seen_at))
    ).all()
    exceptions = session.exec(
        select(PaymentException)
        .where(PaymentException.payment_attempt_id == attempt_id)
        .order_by(col(PaymentException.exception_id))
    ).all()
    state = purchase_state(attempt)
    return PurchaseView(
        state,
        quote,
        attempt,
        receipt,
        tuple(evidence),
        tuple(exceptions),
        _quote_state(state, quote, now=now),
        promises.of(attempt),
        now,
    )


def _quote_state(state: PurchaseState, quote: Quote, *, now: datetime) -> QuoteState:
    closed = state in ("expired", "failed", "canceled")
    return "expired" if closed and quote.expires_at <= now else "created"


def purchase_state(attempt: PaymentAttempt) -> PurchaseState:
    """The contract's word for the state of an attempt."""
    words: dict[str, PurchaseState] = {
        "opening": "action_required",
        "requires_action": "action_required",
        "processing": "processing",
        "needs_review": "needs_review",
        "succeeded": "succeeded",
        "failed": "failed",
        "canceled": "canceled",
        "expired": "expired",
    }
    return words[attempt.state]


def activity(session: Session, *, agent_id: str, limit: int, subject: str | None) -> Sequence[Activity]:
    """An agent's own history, newest first, of one subject type if given."""
    query = select(Activity).where(Activity.agent_id == agent_id)
    if subject is not None:
        query = query.where(Activity.subject_type == subject)
    newest = query.order_by(col(Activity.occurred_at).desc(), col(Activity.event_id)).limit(limit)
    return session.exec(newest).all()


@dataclass(frozen=True, slots=True)
class Pending:
    """Purchases whose money may be on its way."""

    purchases: tuple[PurchaseView, ...]
    more: bool
    """Whether there are others beside these."""


NONE_PENDING: Final = Pending((), more=False)


def pending(session: Session, *, agent_id: str, now: datetime, beside_quote_id: str | None = None) -> Pending:
    """The agent's purchases whose money may be on its way, five at most.

    Those whose money was seen come first, then the newest. That of the quote `beside_quote_id` is left out.
    """
    looked_at, lands_until = (
        col(PaymentAttempt.looked_at),
        col(PaymentAttempt.expires_at) + story().late_payment,
    )
    may_land = and_(
        col(PaymentAttempt.deposit_address).is_not(None),
        or_(looked_at.is_(None), looked_at < lands_until),
    )
    seen_first = case((col(PaymentAttempt.state).in_(("processing", "needs_review")), 0), else_=1)
    found = session.exec(
        select(Quote)
        .join(PaymentAttempt, col(PaymentAttempt.quote_id) == col(Quote.quote_id))
        .where(
            PaymentAttempt.agent_id == agent_id,
            PaymentAttempt.state != "succeeded",
            or_(col(PaymentAttempt.state).not_in(states.GIVEN_UP), may_land),
            col(Quote.quote_id).is_distinct_from(beside_quote_id),
        )
        .order_by(seen_first, col(PaymentAttempt.created_at).desc())
        .limit(_MOST_PENDING + 1)
    ).all()
    shown = tuple(view(session, quote=quote, now=now) for quote in found[:_MOST_PENDING])
    return Pending(shown, more=len(found) > _MOST_PENDING)


def attempt_of(session: Session, *, payment_attempt_id: str) -> PaymentAttempt | None:
    """An attempt by its id, whoever's it is: for the redirect that needs no token."""
    return session.get(PaymentAttempt, payment_attempt_id)


def _quote_id(session: Session, *, kind: ReferenceKind, reference: str) -> str | None:
    match kind:
        case "quote_id":
            return reference
        case "payment_attempt_id":
            query = select(PaymentAttempt.quote_id).where(PaymentAttempt.payment_attempt_id == reference)
        case "checkout_session_id":
            # A PaymentIntent id is a reference too, but never one that an agent was given.
            if not reference.startswith("cs_"):
                return None
            query = select(PaymentAttempt.quote_id).where(PaymentAttempt.reference == reference)
        case "receipt_id":
            query = select(Receipt.quote_id).where(Receipt.receipt_id == reference)
    return session.exec(query).one_or_none()
