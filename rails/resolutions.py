"""What an operator, or a published policy, does about an exception: once, with a name and a reason.

Each is one transaction: the decision's row, its posting and the closing of the exception, under the lock of
the attempt's row. Only a refund asks the processor, under the exception's own key: it can be repeated.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from sqlmodel import Session, col, select

from ledger import book, chart
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, USDC, Amount, Asset
from rails import arrived, errors, grants, pricing, refund_requests, reviews, states
from rails.accounted import (
    REFUND_FAILED,
    accounted,
    accounted_of,
    asset_of,
    in_usdc,
    is_counted,
    left_of,
)
from rails.choices import Action, Choice, Situation, choice
from rails.models import EvidenceRow, ExceptionAction, PaymentAttempt, PaymentException, Quote, Receipt
from rails.rail import Rails
from rails.settings import policy


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided. `seen` is what had arrived when they looked, if they say so."""

    exception_id: int
    actor: str
    reason: str
    seen: Amount | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was done. `replayed`: by an earlier call with the same resolution, and not again."""

    exception_id: int
    action: str
    cents: Amount
    dust: Amount
    ledger_transaction_id: int | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Locked:
    """An exception and the attempt it is about, None for one about the chain; from `lock` under lock."""

    item: PaymentException
    attempt: PaymentAttempt | None
    receipt: Receipt | None


Permit = Callable[[Session, Amount], None]
"""Told what would be given away, under lock and before anything is kept. Raises to have nothing done."""


def _permit_all(_session: Session, _amount: Amount) -> None:
    """Whoever decides here is not limited."""


class PlaceRefund(Protocol):
    """Writes down that a refund is wanted, for whoever sweeps next; the same key once."""

    def __call__(
        self,
        session: Session,
        *,
        payment_attempt_id: str,
        amount: Amount,
        reason: str,
        requested_by: str,
        key: str,
        now: datetime,
    ) -> object: ...


class RequestRefund(Protocol):
    """Asks a processor to send money back; the same key asks once."""

    def __call__(
        self,
        sessions: Sessions,
        rails: Rails,
        *,
        payment_attempt_id: str,
        amount: Amount,
        reason: str,
        requested_by: str,
        key: str,
        now: datetime,
    ) -> object: ...


def credit(session: Session, decision: Decision, *, now: datetime) -> Resolved:
    """Grant credits for what arrived, a credit for each whole cent, and close the exception. Once.

    Without a grant before it is the purchase's own, with its receipt: a later success at the processor
    cannot grant again.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile; TryAgain
    """
    found = lock(session, decision.exception_id)
    before = _done_before(session, found, "credit")
    if before is not None:
        return before
    chosen = _choose(session, found, "credit", decision)
    transaction_id = _grant(session, found, chosen, actor=decision.actor, now=now)
    _knock(found.attempt, now=now)
    return _write(session, found, chosen, decision, transaction_id=transaction_id, now=now)


def write_off(
    session: Session, decision: Decision, *, now: datetime, permit: Permit = _permit_all
) -> Resolved:
    """Close an exception without credits: whole cents that arrived are booked as unclaimed. Once.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile, and what `permit` raises
    """
    found = lock(session, decision.exception_id)
    before = _done_before(session, found, "write_off")
    if before is not None:
        return before
    chosen = _choose(session, found, "write_off", decision)
    permit(session, chosen.cents)
    transaction_id = _book_unclaimed(session, found, chosen, actor=decision.actor, now=now)
    _knock(found.attempt, now=now)
    return _write(session, found, chosen, decision, transaction_id=transaction_id, now=now)


def wait(session: Session, decision: Decision, *, until: datetime, now: datetime) -> datetime:
    """Put an exception off; it comes back by itself at `until`, or when the amount changes.

    raises: ExceptionNotFound, NotAllowed if `until` is over, AlreadyResolved, ChangedMeanwhile
    """
    found = lock(session, decision.exception_id)
    if _decided(session, found.item) is not None or found.item.closed_at is not None:
        raise _already(found.item)
    if until <= now:
        raise errors.NotAllowed(f"{until.isoformat()} is over: there is nothing to wait for")
    _check_seen(session, found, decision)
    found.item.wait_until = until
    session.add(
        _row(found.item, "wait", decision, units=Amount(0, USDC), cents=Amount(0, USD), until=until, now=now)
    )
    return until


def refund(
    sessions: Sessions,
    rails: Rails,
    request: RequestRefund,
    decision: Decision,
    *,
    now: datetime,
    permit: Permit = _permit_all,
) -> Resolved:
    """Have the processor send its charge back, and close the exception.

    The decision is kept before the processor is asked: nobody can credit the same money meanwhile. When the
    processor does not answer the exception stays open, and the same call goes on with it. When it refuses,
    this exception ends and the next look opens another.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile, and what `permit` raises;
    RailUnreachable, RailRefused
    """
    with sessions() as session:
        found = lock(session, decision.exception_id)
        before = _done_before(session, found, "refund")
        if before is not None and found.item.closed_at is not None:
            return before
        if before is None:
            chosen = _choose(session, found, "refund", decision)
            permit(session, chosen.cents)
            before = _write(session, found, chosen, decision, transaction_id=None, now=now, closes=False)
        assert found.attempt is not None
        attempt_id = found.attempt.payment_attempt_id
    try:
        request(
            sessions,
            rails,
            payment_attempt_id=attempt_id,
            amount=before.cents,
            reason=decision.reason,
            requested_by=decision.actor,
            key=refund_requests.of_exception(decision.exception_id),
            now=now,
        )
    except (errors.RailRefused, errors.NothingPaid, errors.RefundTooLarge):
        # One exception is decided once: the next look opens another, which can be decided otherwise.
        _close_asked(sessions, decision.exception_id, by=reviews.HOUSE, how=REFUND_FAILED, now=now)
        raise
    _close_asked(sessions, decision.exception_id, by=decision.actor, how="refund", now=now)
    return before


def refund_later(session: Session, place: PlaceRefund, decision: Decision, *, now: datetime) -> Resolved:
    """Decide that the processor sends its charge back, and close the exception. The sweeper asks it.

    If the processor refuses, the next look opens another exception. Once: unlike `refund` it cannot go on
    with a decision that was made before.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile; NothingPaid, RefundTooLarge
    """
    found = lock(session, decision.exception_id)
    before = _done_before(session, found, "refund")
    if before is not None:
        raise _already(found.item)
    chosen = _choose(session, found, "refund", decision)
    assert found.attempt is not None
    place(
        session,
        payment_attempt_id=found.attempt.payment_attempt_id,
        amount=chosen.cents,
        reason=decision.reason,
        requested_by=decision.actor,
        key=refund_requests.of_exception(decision.exception_id),
        now=now,
    )
    done = _write(session, found, chosen, decision, transaction_id=None, now=now)
    _knock(found.attempt, now=now)
    return done


def _close_asked(sessions: Sessions, exception_id: int, *, by: str, how: str, now: datetime) -> None:
    with sessions() as session:
        found = lock(session, exception_id)
        # The house may have closed it: the difference went while the processor was asked.
        if found.item.closed_at is None:
            reviews.close(found.item, by=by, how=how, now=now)
        _knock(found.attempt, now=now)


def claim_write_offs(session: Session, attempt: PaymentAttempt, *, now: datetime) -> Amount:
    """Take back what was written off of a payment that was granted after all; how much, in dollars.

    The processor matched late what a person had given up: the same money must not be in the book twice.
    """
    price = in_usdc(Amount(session.get_one(Quote, attempt.quote_id).price_cents, USD))
    # While nobody can read the chain, the payment stands on the processor's word.
    there, claimed = max(arrived.standing(session, attempt) or price, price), Amount(0, USD)
    for item, row in _written_off(session, attempt.payment_attempt_id):
        over = accounted(session, payment_attempt_id=attempt.payment_attempt_id) - there
        cents, _ = pricing.whole_cents(max(over, Amount(0, USDC)))
        cents = min(cents, Amount(row.cents, USD))
        if cents.units:
            _claim(session, item, attempt, cents, now=now)
            claimed += cents
    return claimed


def _written_off(
    session: Session, payment_attempt_id: str
) -> Sequence[tuple[PaymentException, ExceptionAction]]:
    claimed = select(ExceptionAction.exception_id).where(ExceptionAction.action == "claim")
    return session.exec(
        select(PaymentException, ExceptionAction)
        .join(ExceptionAction)
        .where(
            PaymentException.payment_attempt_id == payment_attempt_id,
            ExceptionAction.action == "write_off",
            ExceptionAction.cents > 0,
            col(ExceptionAction.exception_id).not_in(claimed),
        )
        .order_by(col(ExceptionAction.action_id))
    ).all()


def claim_taken_back(
    session: Session,
    item: PaymentException,
    cents: Amount,
    decision: Decision,
    *,
    transaction_id: int,
    now: datetime,
) -> None:
    """Count what a decision had credited as decided no more, once the book has taken it back.

    If its money stands on the chain again, that is found as anything that arrived is.
    """
    row = _row(item, "claim", decision, units=in_usdc(cents), cents=cents, now=now)
    row.ledger_transaction_id = transaction_id
    session.add(row)
    session.flush()


def _claim(
    session: Session, item: PaymentException, attempt: PaymentAttempt, cents: Amount, *, now: datetime
) -> None:
    decision = Decision(item.exception_id or 0, reviews.HOUSE, "the processor matched it after all")
    transaction_id = _move_unclaimed(session, item, attempt, -cents, actor=reviews.HOUSE, now=now)
    row = _row(item, "claim", decision, units=in_usdc(cents), cents=cents, now=now)
    row.ledger_transaction_id = transaction_id
    session.add(row)
    session.flush()


def lock(session: Session, exception_id: int) -> Locked:
    """An exception under lock: the attempt's row first, as everybody who settles takes it.

    raises: ExceptionNotFound
    """
    seen = session.get(PaymentException, exception_id)
    if seen is None:
        raise errors.ExceptionNotFound(f"there is no exception {exception_id}")
    attempt = receipt = None
    if seen.payment_attempt_id is not None:
        attempt = session.get_one(
            PaymentAttempt, seen.payment_attempt_id, with_for_update=True, populate_existing=True
        )
        receipt = session.exec(
            select(Receipt).where(Receipt.payment_attempt_id == seen.payment_attempt_id)
        ).one_or_none()
    item = session.get_one(PaymentException, exception_id, with_for_update=True, populate_existing=True)
    return Locked(item, attempt, receipt)


def situation(
    session: Session, item: PaymentException, attempt: PaymentAttempt | None, receipt: Receipt | None
) -> Situation:
    """What decides what may be done about an exception."""
    [found] = situations(session, [Locked(item, attempt, receipt)])
    return found


def situations(session: Session, found: Sequence[Locked]) -> Sequence[Situation]:
    """What decides what may be done about each of several exceptions, asked for all of them at once."""
    known = _known(session, found)
    return [_situation(each, known) for each in found]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of some attempts, by their ids; of quotes and of the book's transactions by theirs."""

    accounted: Mapping[str, Amount]
    said: Mapping[str, Sequence[EvidenceRow]]
    prices: Mapping[str, int]
    by_decision: frozenset[int | None]


def _known(session: Session, found: Sequence[Locked]) -> _Known:
    attempts = {each.attempt.payment_attempt_id: each.attempt for each in found if each.attempt is not None}
    if not attempts:
        return _Known({}, {}, {}, frozenset())
    said: dict[str, list[EvidenceRow]] = {each: [] for each in attempts}
    for row in session.exec(select(EvidenceRow).where(col(EvidenceRow.payment_attempt_id).in_(attempts))):
        said[row.payment_attempt_id].append(row)
    quotes = {attempt.quote_id for attempt in attempts.values()}
    priced = session.exec(select(Quote.quote_id, Quote.price_cents).where(col(Quote.quote_id).in_(quotes)))
    granted = [each.receipt.ledger_transaction_id for each in found if each.receipt is not None]
    decided = select(ExceptionAction.ledger_transaction_id).where(
        col(ExceptionAction.ledger_transaction_id).in_(granted)
    )
    return _Known(
        accounted=accounted_of(session, attempts),
        said=said,
        prices=dict(priced.all()),
        by_decision=frozenset(session.exec(decided).all() if granted else ()),
    )


def _situation(found: Locked, known: _Known) -> Situation:
    item, attempt, receipt = found.item, found.attempt, found.receipt
    left, charged, said = Amount(0, USDC), False, list[EvidenceRow]()
    if attempt is not None:
        said = list(known.said[attempt.payment_attempt_id])
        charged = _is_charged(said, receipt, known.by_decision)
        if is_counted(item):
            left = left_of(item, known.accounted[attempt.payment_attempt_id])
    return Situation(
        kind=item.kind,
        undecided=left,
        deep_enough=min(left, _deep_enough(item, left)),
        charged=charged,
        charge=_charge(item, said, known.prices[attempt.quote_id]) if charged and attempt else Amount(0, USD),
        granted=receipt is not None,
    )


def _deep_enough(item: PaymentException, left: Amount) -> Amount:
    """How much of what is left lies as deep as it has to; a processor's word has no depth."""
    if policy().credit_depth != "final" or item.final_units is None or item.kind in ("unseen", "mismatch"):
        return left
    shallow = max(Decimal(0), item.received_units - item.final_units)
    return max(left - Amount(int(shallow), USDC), Amount(0, USDC))


def _is_charged(
    said: Sequence[EvidenceRow], receipt: Receipt | None, by_decision: Collection[int | None]
) -> bool:
    if any(_took_money(row) for row in said if row.source != "chain"):
        return True
    # A receipt without a decision behind it is the processor's: nothing else grants.
    return receipt is not None and receipt.ledger_transaction_id not in by_decision


def _took_money(row: EvidenceRow) -> bool:
    """Whether a processor says that it was paid. A page can be complete for nothing, or not be paid yet."""
    return row.state == "succeeded" or (
        row.state == "complete" and row.detail.get("payment_status", "paid") == "paid"
    )


def _charge(item: PaymentException, said: Sequence[EvidenceRow], price_cents: int) -> Amount:
    if item.kind == "mismatch":
        came = int(item.received_units)
        return Amount(max(came, _total(said)) if came else 0, USD)
    return Amount(price_cents, USD)


def _total(said: Sequence[EvidenceRow]) -> int:
    """What a page says that it took, tax included; zero where none says it."""
    totals = [row.detail.get("amount_total_cents") for row in said]
    return max((total for total in totals if isinstance(total, int)), default=0)


def _choose(session: Session, found: Locked, action: Action, decision: Decision) -> Choice:
    if found.item.closed_at is not None:
        raise _already(found.item)
    _check_seen(session, found, decision)
    chosen = choice(situation(session, found.item, found.attempt, found.receipt), action)
    if not chosen.allowed:
        raise errors.NotAllowed(f"exception {found.item.exception_id} cannot be resolved so: {chosen.why}")
    return chosen


def _check_seen(session: Session, found: Locked, decision: Decision) -> None:
    """Refuse when something came or went since it was looked at.

    raises: ChangedMeanwhile
    """
    recorded = int(found.item.received_units)
    if decision.seen is not None and decision.seen.units != recorded:
        raise errors.ChangedMeanwhile(
            f"exception {found.item.exception_id} is about {Amount(recorded, asset_of(found.item))} now,"
            f" not {decision.seen}"
        )
    if found.attempt is None or found.item.asset != USDC.code or not is_counted(found.item):
        return
    standing = arrived.standing(session, found.attempt)
    if standing is not None and standing.units != recorded:
        raise errors.ChangedMeanwhile(
            f"the chain shows {standing} now, and exception {found.item.exception_id} does not know it yet:"
            " try again in a few seconds"
        )


def _grant(session: Session, found: Locked, chosen: Choice, *, actor: str, now: datetime) -> int:
    attempt = found.attempt
    assert attempt is not None
    given = pricing.worth(chosen.cents)
    if found.receipt is None:
        moved = states.move(attempt, "succeeded")
        assert moved, f"an attempt that is {attempt.state} has an exception and no receipt"
        receipt = grants.purchase(
            session, attempt, credits_bought=given, received=chosen.cents, actor=actor, now=now
        )
        session.flush()
        return receipt.ledger_transaction_id
    return grants.beside(
        session,
        found.receipt,
        key=f"exception:{found.item.exception_id}",
        rail_id=attempt.rail_id,
        credits_given=given,
        received=chosen.cents,
        actor=actor,
        now=now,
    )


def _book_unclaimed(
    session: Session, found: Locked, chosen: Choice, *, actor: str, now: datetime
) -> int | None:
    if not chosen.cents.units or found.attempt is None:
        return None
    return _move_unclaimed(session, found.item, found.attempt, chosen.cents, actor=actor, now=now)


def _move_unclaimed(
    session: Session,
    item: PaymentException,
    attempt: PaymentAttempt,
    cents: Amount,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Book `cents` as unclaimed, or back again if negative. An exception does each once."""
    kind = "unclaimed" if cents.units > 0 else "claimed"
    posted = book.post(
        session,
        Posting(
            reference=f"exception:{item.exception_id}:{kind}",
            kind=kind,
            legs=(Leg(chart.clearing(attempt.rail_id), -cents), Leg(chart.UNCLAIMED, cents)),
            effective_at=now,
            actor=actor,
            metadata={"payment_attempt_id": attempt.payment_attempt_id},
        ),
    )
    return posted.transaction_id


def _write(
    session: Session,
    found: Locked,
    chosen: Choice,
    decision: Decision,
    *,
    transaction_id: int | None,
    now: datetime,
    closes: bool = True,
) -> Resolved:
    """Keep the decision and close the exception. The row comes first: a closed one takes none."""
    units = in_usdc(chosen.cents) + chosen.dust
    if found.item.kind == "wrong_token":
        units = Amount(int(found.item.received_units), Asset(found.item.asset, 0))
    row = _row(found.item, chosen.action, decision, units=units, cents=chosen.cents, now=now)
    row.ledger_transaction_id = transaction_id
    session.add(row)
    session.flush()
    if closes:
        reviews.close(found.item, by=decision.actor, how=chosen.action, now=now)
    assert found.item.exception_id is not None
    return Resolved(found.item.exception_id, chosen.action, chosen.cents, chosen.dust, transaction_id)


def _row(
    item: PaymentException,
    action: Action | Literal["claim"],
    decision: Decision,
    *,
    units: Amount,
    cents: Amount,
    now: datetime,
    until: datetime | None = None,
) -> ExceptionAction:
    assert item.exception_id is not None
    return ExceptionAction(
        exception_id=item.exception_id,
        action=action,
        actor=decision.actor,
        reason=decision.reason,
        units=Decimal(units.units),
        cents=cents.units,
        wait_until=until,
        created_at=now,
    )


def _knock(attempt: PaymentAttempt | None, *, now: datetime) -> None:
    """Have the attempt looked at: what else is open of it may be decided with this."""
    if attempt is not None:
        # An answer that was asked for before the decision is about what was before it.
        attempt.looks += 1
        attempt.look_at = now


def _done_before(session: Session, found: Locked, action: Action) -> Resolved | None:
    row = _decided(session, found.item)
    if row is None:
        return None
    if row.action != action:
        raise _already(found.item, row)
    cents = Amount(row.cents, USD)
    dust = Amount(int(row.units), USDC) - in_usdc(cents)
    return Resolved(row.exception_id, row.action, cents, dust, row.ledger_transaction_id, replayed=True)


def _decided(session: Session, item: PaymentException) -> ExceptionAction | None:
    return session.exec(
        select(ExceptionAction).where(
            ExceptionAction.exception_id == item.exception_id,
            col(ExceptionAction.action).not_in(("wait", "claim")),
        )
    ).one_or_none()


def _already(item: PaymentException, row: ExceptionAction | None = None) -> errors.AlreadyResolved:
    how, who = (row.action, row.actor) if row is not None else (item.resolution, item.closed_by)
    return errors.AlreadyResolved(f"exception {item.exception_id} was resolved before: {how}, by {who}")


def actions_of(session: Session, exception_id: int) -> Sequence[ExceptionAction]:
    """Everything that was ever done about an exception, in order."""
    return session.exec(
        select(ExceptionAction)
        .where(ExceptionAction.exception_id == exception_id)
        .order_by(col(ExceptionAction.action_id))
    ).all()
