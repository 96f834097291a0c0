"""One purchase as an operator reads it: amounts, witnesses, timeline, ledger, lots, and what may be done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlmodel import Session, col, select, text

from ledger import lot_uses, transactions
from ledger.lot_uses import LotUse
from ledger.money import CREDIT, USD, USDC, Amount
from ledger.transactions import Told
from office import notes, notice_queue, timeline, transfers, witnesses
from office.models import AuditRow, Note
from office.timeline import Event, Known
from office.transfers import Transfer
from office.witnesses import Witnesses
from rails import errors, instructions, refunds, reversals, states, status
from rails.models import (
    ExceptionAction,
    Notice,
    NoticeAction,
    PaymentAttempt,
    PaymentException,
    Quote,
    Receipt,
    ReversalWatch,
)
from rails.rail import CryptoDeposit, Rails
from rails.reconciliation import story
from rails.refunds import Refund
from rails.reversals import Seen
from rails.stripe_x402.models import ClosedDeposit, TransferClaim

KIND: Final = "purchase"
"""What a purchase is called in the audit log and in notes."""
MOST: Final = 100
"""So many of a sort are shown at most: notices, transactions, rows of the audit log."""
_RAW: Final = 10
Doing = Literal["look", "cancel", "refund"]
_MENTIONING: Final = text("SELECT notice_id FROM notice WHERE refs ?| :names ORDER BY notice_id LIMIT :most")


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was asked for, what came, what was given for it, and what went back. None: nobody says."""

    price: Amount
    asked: Amount
    on_chain: Amount | None
    charged: Amount | None
    received: Amount | None
    granted: Amount | None
    refunded: Amount
    disputed: Amount
    taken_back: Amount
    refundable: Amount


@dataclass(frozen=True, slots=True)
class Possible:
    """Something that may be done, or why not now."""

    doing: Doing
    allowed: bool
    why: str


@dataclass(frozen=True, slots=True)
class Raw:
    """What a processor sent, laid out, without secrets and personal data."""

    notice_id: int
    kind: str
    external_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Open:
    """An exception that waits for a decision."""

    exception_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a purchase is. `settled`: nothing is left to wait for. `look_at` None: nobody asks by itself."""

    payment_attempt_id: str
    state: str
    settled: bool
    reason: str | None
    agent_id: str
    rail_id: str
    live_money: bool
    quote_id: str
    receipt_id: str | None
    reference: str | None
    network: str | None
    deposit_address: str | None
    shared_address: bool
    credits: Amount
    created_at: datetime
    expires_at: datetime
    looks: int
    looked_at: datetime | None
    trace_id: str | None
    """Finds its story in the logs of every process."""
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything about one purchase."""

    facts: Facts
    amounts: Amounts
    witnesses: Witnesses
    events: tuple[Event, ...]
    transfers: tuple[Transfer, ...]
    refunds: tuple[Refund, ...]
    reversals: tuple[Seen, ...]
    transactions: tuple[Told, ...]
    lots: tuple[LotUse, ...]
    open_exceptions: tuple[Open, ...]
    raw: tuple[Raw, ...]
    notes: tuple[Note, ...]
    possible: tuple[Possible, ...]

    def may(self, doing: Doing) -> Possible:
        """Whether this may be done now."""
        return next(each for each in self.possible if each.doing == doing)


def case(session: Session, payment_attempt_id: str, *, rails: Rails, now: datetime) -> Case:
    """Everything about a purchase.

    raises: PurchaseNotFound
    """
    attempt = session.get(PaymentAttempt, payment_attempt_id)
    if attempt is None:
        raise errors.PurchaseNotFound(f"there is no purchase {payment_attempt_id}")
    quote = session.get_one(Quote, attempt.quote_id)
    view = status.view(session, quote=quote, now=now)
    known = _known(session, attempt, view)
    rail = rails.get(attempt.rail_id)
    expected = rail.witnesses if rail is not None else ()
    heard = witnesses.heard(known.evidence, expected=expected)
    left = refunds.left_of(session, attempt)
    return Case(
        facts=_facts(view, attempt),
        amounts=_amounts(known, heard, left),
        witnesses=heard,
        events=timeline.events(known),
        transfers=known.transfers,
        refunds=known.refunds,
        reversals=known.reversals,
        transactions=known.transactions,
        lots=known.lots,
        open_exceptions=tuple(
            Open(each.exception_id or 0, each.kind) for each in known.exceptions if each.closed_at is None
        ),
        raw=tuple(_raw(each) for each in known.notices[-_RAW:]),
        notes=known.notes,
        possible=_possible(attempt, left, rail_known=rail is not None),
    )


def _facts(view: status.PurchaseView, attempt: PaymentAttempt) -> Facts:
    told, receipt = instructions.read(attempt), view.receipt
    deposit = told if isinstance(told, CryptoDeposit) else None
    return Facts(
        payment_attempt_id=attempt.payment_attempt_id,
        state=attempt.state,
        settled=view.terminal,
        reason=attempt.reason,
        agent_id=attempt.agent_id,
        rail_id=attempt.rail_id,
        live_money=view.quote.live_money,
        quote_id=attempt.quote_id,
        receipt_id=receipt.receipt_id if receipt is not None else None,
        reference=attempt.reference,
        network=deposit.network if deposit is not None else None,
        deposit_address=attempt.deposit_address,
        shared_address=deposit is not None and deposit.shared,
        credits=Amount(view.quote.credits, CREDIT),
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        looks=attempt.looks,
        looked_at=attempt.looked_at,
        trace_id=attempt.trace_id,
        look_at=attempt.look_at,
    )


def _known(session: Session, attempt: PaymentAttempt, view: status.PurchaseView) -> Known:
    attempt_id = attempt.payment_attempt_id
    claims = tuple(transfers.claims_of(session, attempt_id))
    decisions = _decisions(session, view.exceptions)
    seen = tuple(reversals.of_payment(session, payment_attempt_id=attempt_id))
    asked = tuple(refunds.listed(session, payment_attempt_id=attempt_id))
    books = story.of_attempt(session, attempt_id, now=view.now)
    granted = _grants(view.receipt, decisions)
    lots = tuple(lot_uses.of_grants(session, granted))
    mentioned = _notices(session, _names(attempt, view, claims, seen, asked, books))
    watch, closed = session.get(ReversalWatch, attempt_id), session.get(ClosedDeposit, attempt_id)
    return Known(
        attempt=attempt,
        quote=view.quote,
        receipt=view.receipt,
        evidence=view.evidence,
        exceptions=view.exceptions,
        decisions=decisions,
        notices=mentioned,
        notice_acts=_notice_acts(session, mentioned),
        transfers=tuple(transfers.of_attempt(session, attempt, claims)),
        claims=claims,
        closed_at=closed.closed_at if closed is not None else None,
        reversals=seen,
        refunds=asked,
        reversals_looked_at=watch.looked_at if watch is not None else None,
        books=books,
        transactions=tuple(transactions.told(session, _in_the_book(granted, decisions, seen, books, lots))),
        lots=lots,
        audited=_audited(session, attempt_id),
        notes=tuple(notes.listed(session, about=(KIND, attempt_id), limit=MOST)),
        now=view.now,
    )


def _decisions(session: Session, items: Sequence[PaymentException]) -> tuple[ExceptionAction, ...]:
    ids = [item.exception_id for item in items]
    found = session.exec(
        select(ExceptionAction)
        .where(col(ExceptionAction.exception_id).in_(ids))
        .order_by(col(ExceptionAction.action_id))
        .limit(MOST)
    )
    return tuple(found)


def _grants(receipt: Receipt | None, decisions: Iterable[ExceptionAction]) -> Sequence[int]:
    """The transactions that granted credits for this purchase."""
    credited = [row.ledger_transaction_id for row in decisions if row.action == "credit"]
    own = [receipt.ledger_transaction_id] if receipt is not None else []
    return [*own, *(each for each in credited if each is not None)]


def _names(
    attempt: PaymentAttempt,
    view: status.PurchaseView,
    claims: Iterable[TransferClaim],
    seen: Iterable[Seen],
    asked: Iterable[Refund],
    books: story.AttemptStory | None,
) -> Sequence[str]:
    """Whatever a notice may call this payment or a part of it."""
    names = [
        attempt.payment_attempt_id,
        attempt.reference,
        *(row.detail.get("payment_intent_id") for row in view.evidence),
        *(claim.intent_id for claim in claims),
        *(each.reversal.reference for each in seen),
        *(each.request.reference for each in asked),
        *(move.source for move in (books.movements if books is not None else ())),
    ]
    return sorted({name for name in names if isinstance(name, str)})


def _notices(session: Session, names: Sequence[str]) -> tuple[Notice, ...]:
    given = {"names": names, "most": MOST}
    ids = [row.notice_id for row in session.connection().execute(_MENTIONING, given)]
    rows = session.exec(select(Notice).where(col(Notice.notice_id).in_(ids)).order_by(col(Notice.notice_id)))
    return tuple(rows)


def _notice_acts(session: Session, mentioned: Iterable[Notice]) -> tuple[NoticeAction, ...]:
    ids = [each.notice_id for each in mentioned]
    rows = session.exec(
        select(NoticeAction)
        .where(col(NoticeAction.notice_id).in_(ids))
        .order_by(col(NoticeAction.action_id))
        .limit(MOST)
    )
    return tuple(rows)


def _audited(session: Session, attempt_id: str) -> tuple[AuditRow, ...]:
    rows = session.exec(
        select(AuditRow)
        .where(AuditRow.about_kind == KIND, AuditRow.about_id == attempt_id)
        .order_by(col(AuditRow.audit_id).desc())
        .limit(MOST)
    )
    return tuple(rows)


def _in_the_book(
    granted: Iterable[int],
    decisions: Iterable[ExceptionAction],
    seen: Iterable[Seen],
    books: story.AttemptStory | None,
    lots: Iterable[LotUse],
) -> Sequence[int]:
    """The transactions that are about this purchase itself; what its credits were spent on is not."""
    found = {
        *granted,
        *(row.ledger_transaction_id for row in decisions),
        *(number for each in seen for change in each.changes for number in change.transactions),
        *(move.ledger_transaction_id for move in (books.movements if books is not None else ())),
        *(
            change.transaction_id
            for lot in lots
            for change in lot.changes
            if change.what in ("lapsed", "taken back", "given again")
        ),
    }
    return sorted(number for number in found if number is not None)[:MOST]


def _amounts(known: Known, heard: Witnesses, left: Amount) -> Amounts:
    told = instructions.read(known.attempt)
    price, receipt = Amount(known.quote.price_cents, USD), known.receipt
    standing = [each.amount for each in known.transfers if each.pays and each.state in ("confirmed", "final")]
    charged = {each.source: each.amount for each in heard.of}
    return Amounts(
        price=price,
        asked=told.amount if isinstance(told, CryptoDeposit) else price,
        on_chain=sum(standing, Amount(0, USDC)) if isinstance(told, CryptoDeposit) else None,
        charged=charged.get("stripe"),
        received=Amount(receipt.received_cents, USD) if receipt is not None else None,
        granted=_granted(known.lots),
        refunded=_gone(known.reversals, "refund"),
        disputed=_gone(known.reversals, "dispute"),
        taken_back=sum((lot.taken_back for lot in known.lots), Amount(0, CREDIT)),
        refundable=left,
    )


def _granted(lots: Sequence[LotUse]) -> Amount | None:
    return sum((lot.granted for lot in lots), Amount(0, CREDIT)) if lots else None


def _gone(seen: Iterable[Seen], cause: str) -> Amount:
    rows = [each.reversal for each in seen if each.reversal.cause == cause and each.reversal.state == "gone"]
    return Amount(sum(row.cents for row in rows), USD)


def _raw(notice: Notice) -> Raw:
    assert notice.notice_id is not None
    body = notice_queue.readable(notice.body)
    return Raw(notice.notice_id, notice.kind, notice.external_id, body)


def _possible(attempt: PaymentAttempt, left: Amount, *, rail_known: bool) -> tuple[Possible, ...]:
    opened = attempt.reference is not None
    unknown = "its way of paying is not installed here" if not rail_known else ""
    unopened = "" if opened else "nothing was opened at the processor"
    over = "" if attempt.state not in states.GIVEN_UP | {"succeeded"} else f"it is {attempt.state}"
    nothing = "" if left.units else "nothing is left of it that could go back"
    whys: Mapping[Doing, str] = {
        "look": unknown or unopened,
        "cancel": unknown or unopened or over,
        "refund": unknown or nothing,
    }
    return tuple(Possible(doing, not why, why) for doing, why in whys.items())
