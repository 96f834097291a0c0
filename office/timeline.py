"""Everything that happened to one purchase, in order, with who or what did it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ledger.lot_uses import LotUse
from ledger.money import ASSETS, CREDIT, USD, USDC, Amount, Asset
from ledger.transactions import Told
from office.models import AuditRow, Note
from office.transfers import Transfer
from rails import kinds
from rails.models import (
    EvidenceRow,
    ExceptionAction,
    Notice,
    NoticeAction,
    PaymentAttempt,
    PaymentException,
    Quote,
    Receipt,
)
from rails.reconciliation.story import AttemptStory
from rails.refunds import Refund
from rails.reversals import Seen
from rails.stripe_x402.models import TransferClaim

Side = Literal["agent", "processor", "chain", "house", "operator", "book"]
"""On whose side it happened."""
PageKind = Literal["quote", "receipt", "transaction", "exception", "notice"]
WATCHER: Final = "chain watcher"
LOOK: Final = "a look at the payment"
_CLOCK: Final = "the clock"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `by` is who or what did it; `page` names the page that tells more."""

    at: datetime
    what: str
    said: str
    side: Side
    by: str
    amount: Amount | None = None
    page: tuple[PageKind, str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that is kept of one purchase."""

    attempt: PaymentAttempt
    quote: Quote
    receipt: Receipt | None
    evidence: tuple[EvidenceRow, ...]
    exceptions: tuple[PaymentException, ...]
    decisions: tuple[ExceptionAction, ...]
    notices: tuple[Notice, ...]
    notice_acts: tuple[NoticeAction, ...]
    transfers: tuple[Transfer, ...]
    claims: tuple[TransferClaim, ...]
    closed_at: datetime | None
    reversals: tuple[Seen, ...]
    refunds: tuple[Refund, ...]
    reversals_looked_at: datetime | None
    books: AttemptStory | None
    transactions: tuple[Told, ...]
    lots: tuple[LotUse, ...]
    audited: tuple[AuditRow, ...]
    notes: tuple[Note, ...]
    now: datetime


def events(known: Known) -> tuple[Event, ...]:
    """The timeline, oldest first. Of two at one moment the cause comes first."""
    parts: tuple[Callable[[Known], Iterable[Event]], ...] = (
        _opened,
        _transfers,
        _claims,
        _notices,
        _evidence,
        _looks,
        _exceptions,
        _decisions,
        _granted,
        _refunds,
        _reversals,
        _books,
        _credits,
        _office,
    )
    told = [event for part in parts for event in part(known)]
    return tuple(sorted(told, key=lambda event: event.at))


def _opened(known: Known) -> Iterator[Event]:
    quote, attempt = known.quote, known.attempt
    agent, price = f"agent:{quote.agent_id}", Amount(quote.price_cents, USD)
    said = f"asked for a quote: {quote.credits} credits on {quote.rail_id}"
    yield Event(quote.created_at, "quote.made", said, "agent", agent, price, ("quote", quote.quote_id))
    where = f", to pay at {attempt.deposit_address}" if attempt.deposit_address else ""
    opened = f"opened the payment{where}" if attempt.reference else "began to open the payment"
    yield Event(attempt.created_at, "attempt.opened", opened, "agent", agent, price)
    if attempt.expires_at <= known.now:
        yield Event(attempt.expires_at, "attempt.time_over", "the time to pay ended", "house", _CLOCK)
    if known.closed_at is not None:
        said = "closed: no transfer is taken for it any more"
        yield Event(known.closed_at, "attempt.closed", said, "house", "a cancellation")


def _transfers(known: Known) -> Iterator[Event]:
    for each in known.transfers:
        name = f"{each.tx_hash[:10]}… in block {each.block_number}"
        token = "" if each.pays else f", of another token ({each.token})"
        sent = f"a transfer by {each.sender}{token}: {name}"
        yield Event(each.block_time, "transfer.sent", sent, "chain", f"wallet {each.sender}", each.amount)
        moments = (
            (each.first_seen_at, "transfer.seen", f"saw the transfer {name}"),
            (each.confirmed_at, "transfer.confirmed", f"confirmed: {name} lies as deep as the policy wants"),
            (each.final_at, "transfer.final", f"final: nothing takes {name} back any more"),
            (each.orphaned_at, "transfer.orphaned", f"taken back by the chain: {name}"),
        )
        for at, what, said in moments:
            if at is not None:
                yield Event(at, what, said, "chain", WATCHER, each.amount)


def _claims(known: Known) -> Iterator[Event]:
    for each in known.claims:
        name, amount = f"{each.tx_hash[:10]}…", Amount(int(each.amount), USDC)
        said = f"matched the transfer {name} with this attempt"
        yield Event(each.claimed_at, "claim.made", said, "house", LOOK, amount)
        if each.asked_at is not None:
            answer = (
                f"refused it: {each.refused}" if each.refused else f"made {each.intent_id or 'nothing yet'}"
            )
            said = f"was shown the transfer {name}, and {answer}"
            yield Event(each.asked_at, "claim.shown", said, "processor", "stripe", amount)
        if each.released_at is not None:
            said = f"let go of the transfer {name}"
            yield Event(each.released_at, "claim.released", said, "house", LOOK, amount)


def _notices(known: Known) -> Iterator[Event]:
    for each in known.notices:
        page: tuple[PageKind, str] = ("notice", str(each.notice_id))
        times = f", {each.deliveries} times" if each.deliveries > 1 else ""
        how = f"sent {each.kind}{times}" if each.deliveries else f"{each.kind}, which no webhook had brought"
        by = f"webhook:{each.source}" if each.deliveries else f"the events list of {each.source}"
        said = f"{how}: {each.external_id}"
        yield Event(each.received_at, "notice.received", said, "processor", by, page=page)
        if each.handled_at is not None:
            why = f": {each.reason}" if each.reason else ""
            said = f"{each.kind} is {each.state}{why}"
            yield Event(each.handled_at, f"notice.{each.state}", said, "house", "inbox", page=page)
    for act in known.notice_acts:
        said = f"{act.action} of a notice that was {act.from_state}: {act.reason}"
        page = ("notice", str(act.notice_id))
        yield Event(act.acted_at, f"notice.{act.action}", said, "operator", act.actor, page=page)


def _evidence(known: Known) -> Iterator[Event]:
    # What the watcher saw is told by the transfers themselves, with all their moments.
    seen = {f"{each.block_hash}:{each.log_index}" for each in known.transfers}
    for row in known.evidence:
        if row.source == "chain" and row.external_id in seen:
            continue
        side: Side = "chain" if row.source == "chain" else "processor"
        name, is_once = row.external_id, row.first_seen_at == row.last_seen_at
        first = f"said of {name}: {row.state}" if is_once else f"first spoke of {name}"
        yield Event(row.first_seen_at, "witness.spoke", first, side, row.source)
        if not is_once:
            said = f"says of {name}: {row.state}"
            yield Event(row.last_seen_at, "witness.says", said, side, row.source)


def _looks(known: Known) -> Iterator[Event]:
    attempt = known.attempt
    if attempt.looked_at is not None:
        times = "once" if attempt.looks == 1 else f"{attempt.looks} times so far"
        said = f"asked the processor what became of it, {times}; it is {attempt.state}"
        yield Event(attempt.looked_at, "look.last", said, "house", LOOK)
    if known.reversals_looked_at is not None:
        said = "asked the processor what has left the payment"
        yield Event(known.reversals_looked_at, "look.reversals", said, "house", LOOK)


def _exceptions(known: Known) -> Iterator[Event]:
    decided = {row.exception_id for row in known.decisions if row.action not in ("wait", "claim")}
    for item in known.exceptions:
        asset = _asset(item)
        page: tuple[PageKind, str] = ("exception", str(item.exception_id))
        received = Amount(int(item.received_units), asset)
        said = f"exception {item.exception_id}, {item.kind}: {kinds.MEANINGS[item.kind]}"
        yield Event(item.opened_at, "exception.opened", said, "house", LOOK, received, page)
        if item.closed_at is not None and item.exception_id not in decided:
            said = f"exception {item.exception_id} closed: {item.resolution}"
            by = item.closed_by or LOOK
            yield Event(item.closed_at, "exception.closed", said, _side(by), by, None, page)


def _decisions(known: Known) -> Iterator[Event]:
    for row in known.decisions:
        amount = Amount(row.cents, USD) if row.cents else None
        said = f"decided exception {row.exception_id}: {row.action.replace('_', ' ')}, {row.reason}"
        page: tuple[PageKind, str] = ("exception", str(row.exception_id))
        what = f"exception.{row.action}"
        yield Event(row.created_at, what, said, _side(row.actor), row.actor, amount, page)


def _granted(known: Known) -> Iterator[Event]:
    receipt = known.receipt
    if receipt is None:
        return
    actor = next(
        (each.actor for each in known.transactions if each.transaction_id == receipt.ledger_transaction_id),
        "",
    )
    said = f"granted {receipt.credits} credits, with receipt {receipt.receipt_id}"
    page: tuple[PageKind, str] = ("receipt", receipt.receipt_id)
    amount = Amount(receipt.credits, CREDIT)
    yield Event(receipt.created_at, "credits.granted", said, "book", actor, amount, page)


def _refunds(known: Known) -> Iterator[Event]:
    for each in known.refunds:
        row, amount = each.request, Amount(each.request.cents, USD)
        said = f"asked for a refund, {row.refund_id}: {row.reason}"
        side = _side(row.requested_by)
        yield Event(row.requested_at, "refund.asked", said, side, row.requested_by, amount)
        if row.answered_at is not None:
            made = f"made the refund {row.reference}"
            said = f"refused the refund: {row.failure}" if row.state == "failed" else made
            yield Event(row.answered_at, f"refund.{row.state}", said, "processor", "processor", amount)


def _reversals(known: Known) -> Iterator[Event]:
    for seen in known.reversals:
        cause, name = seen.reversal.cause.replace("_", " "), seen.reversal.reference
        for change in seen.changes:
            amount = Amount(change.cents, USD)
            said = f"the {cause} {name} is {change.state}: {_STATES[change.state]}"
            yield Event(change.seen_at, f"reversal.{change.state}", said, "processor", LOOK, amount)


def _books(known: Known) -> Iterator[Event]:
    if known.books is None:
        return
    for move in known.books.movements:
        asset = USD if move.currency == "usd" else Asset(move.currency.upper(), 2)
        fee = f", less a fee of {Amount(move.fee, asset)}" if move.fee else ""
        said = f"{move.type} {move.movement_id} in the processor's books{fee}; booked as {move.part}"
        page: tuple[PageKind, str] | None = None
        if move.ledger_transaction_id is not None:
            page = ("transaction", str(move.ledger_transaction_id))
        amount = Amount(move.amount, asset)
        yield Event(move.created_at, "processor.moved", said, "processor", "processor's books", amount, page)
    for item in known.books.items:
        for state in item.states:
            said = f"reconciliation of the {item.item.matter}: {state.state.replace('_', ' ')}, {state.why}"
            yield Event(state.entered_at, "reconciliation", said, "house", "reconciliation", state.found)


def _credits(known: Known) -> Iterator[Event]:
    """What the book took, gave again and let lapse of the credits. What was spent stands with the lots."""
    for lot in known.lots:
        for change in lot.changes:
            if change.what in ("lapsed", "taken back", "given again"):
                said = f"{abs(change.credits.units)} credits of lot {lot.lot_id} {_CREDITS[change.what]}"
                what = f"credits.{change.what.replace(' ', '_')}"
                page: tuple[PageKind, str] = ("transaction", str(change.transaction_id))
                yield Event(change.at, what, said, "book", change.actor, change.credits, page)


def _office(known: Known) -> Iterator[Event]:
    for row in known.audited:
        why = f": {row.reason}" if row.reason else ""
        said = f"{row.action.replace('.', ' ').replace('_', ' ')} {row.outcome}{why}"
        yield Event(row.at, f"office.{row.action}", said, _side(row.actor), row.actor)
    for note in known.notes:
        yield Event(note.written_at, "note", f"noted: {note.said}", "operator", note.author)


_STATES: Final[Mapping[str, str]] = {
    "pending": "no money has left yet",
    "gone": "the money has left",
    "back": "the money came back",
    "void": "nothing left, and nothing will",
}
_CREDITS: Final[Mapping[str, str]] = {
    "lapsed": "have lapsed",
    "taken back": "were taken back",
    "given again": "were given again",
}


def _side(actor: str) -> Side:
    if actor.startswith("agent:"):
        return "agent"
    return "operator" if actor.startswith("operator:") else "house"


def _asset(item: PaymentException) -> Asset:
    return ASSETS.get(item.asset) or Asset(item.asset, 0)
