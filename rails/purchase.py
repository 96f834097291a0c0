"""The story of a purchase, top to bottom: quote -> buy -> settle -> grant.

A quote is a price. Buying opens one attempt at the processor. Settling asks the rail what has become of it
and writes the answer down. Only a verified payment grants, and the database lets it grant once.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from sqlalchemy import or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from rails import (
    activity,
    arrived,
    errors,
    evidence,
    grants,
    handles,
    ids,
    instructions,
    kinds,
    promises,
    resolutions,
    reviews,
    spending,
    states,
    status,
    switches,
)
from rails.accounted import accounted
from rails.catalog import Terms
from rails.models import BuyKey, OwnedAddress, PaymentAttempt, Quote
from rails.pricing import price
from rails.rail import (
    CryptoDeposit,
    Failed,
    Handle,
    HostedPage,
    NeedsReview,
    Opened,
    Order,
    Outcome,
    Paid,
    Pending,
    Processing,
    Rail,
    Rails,
)
from rails.settings import story
from rails.telemetry import measures, spans, trace

logger = logging.getLogger("pennyrail.rails")


@dataclass(frozen=True, slots=True)
class Settled:
    """What looking at an attempt found, and whether this look granted the credits."""

    payment_attempt_id: str
    state: str
    granted: bool

    @property
    def may_be_reversed(self) -> bool:
        """Whether money may have left it again. What this look granted is watched from now on anyway."""
        return self.state in ("succeeded", "needs_review") and not self.granted


# Quote


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote, and whether an earlier call with its key had made it."""

    quote: Quote
    replayed: bool


def quote(
    sessions: Sessions, rails: Rails, *, agent_id: str, terms: Terms, idempotency_key: str, now: datetime
) -> Quoted:
    """Fix a price for credits on one rail. The same key and terms return the same quote, for ever.

    raises: MethodUnavailable, QuoteConflict if the key belongs to other terms.
    """
    fresh_id = ids.new("quote")
    with sessions() as session:
        kept = _quote_by_key(session, agent_id=agent_id, idempotency_key=idempotency_key)
        if kept is not None:
            # What was promised is told again, even on a rail that takes nothing new.
            return Quoted(_of_terms(kept, terms), replayed=True)
        rail = _sellable(session, rails, terms.rail_id)
        session.execute(
            insert(Quote)
            .values(
                quote_id=fresh_id,
                agent_id=agent_id,
                idempotency_key=idempotency_key,
                credits=terms.credits.units,
                pack_id=terms.pack_id,
                rail_id=terms.rail_id,
                price_cents=price(terms.credits).units,
                live_money=rail.live_money,
                created_at=now,
                expires_at=now + timedelta(seconds=story().quote_lifetime_seconds),
            )
            .on_conflict_do_nothing(constraint="quote_once_per_key")
        )
        kept = _quote_by_key(session, agent_id=agent_id, idempotency_key=idempotency_key)
        assert kept is not None
        return Quoted(_of_terms(kept, terms), replayed=kept.quote_id != fresh_id)


def _quote_by_key(session: Session, *, agent_id: str, idempotency_key: str) -> Quote | None:
    return session.exec(
        select(Quote).where(Quote.agent_id == agent_id, Quote.idempotency_key == idempotency_key)
    ).one_or_none()


def _of_terms(kept: Quote, terms: Terms) -> Quote:
    if (kept.credits, kept.pack_id, kept.rail_id) != (terms.credits.units, terms.pack_id, terms.rail_id):
        raise errors.QuoteConflict("this idempotency key belongs to a quote with other terms")
    return kept


def _sellable(session: Session, rails: Rails, rail_id: str) -> Rail:
    rail = rails.get(rail_id)
    if rail is None or rail.unavailable_reason is not None or switches.is_off(session, rail_id=rail_id):
        raise errors.MethodUnavailable("no payment method of this name takes payments now")
    return rail


# Buy


_REFUSED: Final = "refused by the processor"


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase, and whether an earlier call had opened it."""

    view: status.PurchaseView
    replayed: bool


def buy(
    sessions: Sessions,
    rails: Rails,
    *,
    agent_id: str,
    quote_id: str,
    rail_id: str,
    idempotency_key: str,
    now: datetime,
) -> Bought:
    """Open the one attempt to pay a quote, or return it. Nothing is granted here.

    The key and the row come first, in one transaction, and the processor is called under the attempt's id:
    a call that was cut short is finished by the next one, once nobody can be at it any more.

    raises: QuoteNotFound, QuoteExpired, MethodMismatch, MethodUnavailable, PurchaseConflict, PriceNotTaken,
        SpendLimitReached, InFlight, RailUnreachable, RailRefused.
    """
    with sessions() as session:
        wanted = _quote_of(session, agent_id=agent_id, quote_id=quote_id, rail_id=rail_id)
        attempt = _claim(session, rails, wanted=wanted, idempotency_key=idempotency_key, now=now)
        # Before the lease is taken, or a closed rail would hold it for nothing.
        rail = _sellable(session, rails, rail_id) if attempt.state == "opening" else None
        lease = _lease(session, attempt, now=now)
    if lease is not None and rail is not None:
        _open(sessions, rail, wanted=wanted, attempt=attempt, lease=lease, now=now)
    elif attempt.state == "opening":
        raise errors.InFlight("another call is opening this payment")
    elif (attempt.state, attempt.reason) == ("failed", _REFUSED):
        raise errors.RailRefused("the processor refused this payment before", replayed=True)
    with sessions() as session:
        return Bought(status.view(session, quote=wanted, now=now), replayed=lease is None)


def _quote_of(session: Session, *, agent_id: str, quote_id: str, rail_id: str) -> Quote:
    found = session.get(Quote, quote_id)
    if found is None or found.agent_id != agent_id:
        raise errors.QuoteNotFound("no quote of yours has this id")
    if found.rail_id != rail_id:
        raise errors.MethodMismatch(quote_id=quote_id, rail_id=found.rail_id)
    return found


def _claim(
    session: Session, rails: Rails, *, wanted: Quote, idempotency_key: str, now: datetime
) -> PaymentAttempt:
    _use_key(session, wanted=wanted, idempotency_key=idempotency_key, now=now)
    existing = _attempt_for(session, wanted)
    if existing is not None:
        return existing
    if wanted.expires_at <= now:
        raise errors.QuoteExpired(wanted.credits, wanted.pack_id, wanted.rail_id)
    if not _sellable(session, rails, wanted.rail_id).limits.take(Amount(wanted.price_cents, USD)):
        raise errors.PriceNotTaken(wanted.credits, wanted.rail_id)
    spending.take_turn(session, agent_id=wanted.agent_id)
    # Whoever had the turn before may have opened this very payment.
    existing = _attempt_for(session, wanted)
    if existing is not None:
        return existing
    spending.refuse_above(session, wanted=wanted, now=now)
    expires_at = now + timedelta(seconds=story().attempt_lifetime_seconds)
    session.execute(
        insert(PaymentAttempt)
        .values(
            payment_attempt_id=ids.new("payatt"),
            quote_id=wanted.quote_id,
            agent_id=wanted.agent_id,
            rail_id=wanted.rail_id,
            state="opening",
            created_at=now,
            expires_at=expires_at,
            look_at=expires_at,
            policy=dict(promises.of_today(session)),
            trace_id=trace.current_id(),
        )
        .on_conflict_do_nothing(constraint="payment_attempt_once_per_quote")
    )
    claimed = _attempt_for(session, wanted)
    assert claimed is not None
    return claimed


def _use_key(session: Session, *, wanted: Quote, idempotency_key: str, now: datetime) -> None:
    session.execute(
        insert(BuyKey)
        .values(
            agent_id=wanted.agent_id,
            idempotency_key=idempotency_key,
            quote_id=wanted.quote_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    owner = session.exec(
        select(BuyKey.quote_id).where(
            BuyKey.agent_id == wanted.agent_id, BuyKey.idempotency_key == idempotency_key
        )
    ).one()
    if owner != wanted.quote_id:
        raise errors.PurchaseConflict(quote_id=wanted.quote_id, rail_id=wanted.rail_id)


def _attempt_for(session: Session, wanted: Quote) -> PaymentAttempt | None:
    return session.exec(
        select(PaymentAttempt).where(PaymentAttempt.quote_id == wanted.quote_id)
    ).one_or_none()


def _order(wanted: Quote, attempt: PaymentAttempt) -> Order:
    return Order(
        payment_attempt_id=attempt.payment_attempt_id,
        quote_id=wanted.quote_id,
        agent_id=wanted.agent_id,
        credits=Amount(wanted.credits, CREDIT),
        price=Amount(wanted.price_cents, USD),
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
    )


def _lease(session: Session, attempt: PaymentAttempt, *, now: datetime) -> datetime | None:
    """Until when this call alone may open the payment; None if it is open, or another call is at it."""
    if attempt.state != "opening":
        return None
    until = now + timedelta(seconds=story().opening_lease_seconds)
    taken = session.execute(
        update(PaymentAttempt)
        .where(
            col(PaymentAttempt.payment_attempt_id) == attempt.payment_attempt_id,
            col(PaymentAttempt.state) == "opening",
            or_(col(PaymentAttempt.opening_until).is_(None), col(PaymentAttempt.opening_until) <= now),
        )
        .values(opening_until=until)
        .returning(col(PaymentAttempt.payment_attempt_id))
        .execution_options(synchronize_session=False)
    )
    return until if taken.all() else None


def _open(
    sessions: Sessions,
    rail: Rail,
    *,
    wanted: Quote,
    attempt: PaymentAttempt,
    lease: datetime,
    now: datetime,
) -> None:
    attempt_id = attempt.payment_attempt_id
    trace.name(payment_attempt_id=attempt_id)
    try:
        with measures.call(wanted.rail_id, "open"), spans.span(f"{wanted.rail_id} open", "client"):
            opened = rail.open(_order(wanted, attempt))
    except errors.RailError as error:
        with sessions() as session:
            left = _locked(session, attempt_id)
            if left.state != "opening":
                # Whoever took over when we were late has opened it: that answer stands.
                return
            if left.opening_until == lease:
                left.opening_until = None
                if isinstance(error, errors.RailRefused):
                    states.move(left, "failed", reason=_REFUSED)
        # The agent is told no more than that it was refused.
        logger.warning("%s could not be opened: %s", attempt_id, error)
        raise
    with sessions() as session:
        _keep_opened(session, attempt_id=attempt_id, opened=opened, now=now)


def _keep_opened(session: Session, *, attempt_id: str, opened: Opened, now: datetime) -> None:
    attempt = _locked(session, attempt_id)
    if attempt.reference is not None:
        return
    # Even if we gave it up meanwhile: what exists at the processor is kept, and watched.
    attempt.opening_until = None
    attempt.reference = opened.reference
    attempt.instructions = instructions.write(opened.instructions)
    if isinstance(opened.instructions, HostedPage):
        activity.checkout_session_created(session, attempt, now=now)
    else:
        _take_address(session, attempt, opened.instructions)
    states.move(attempt, "requires_action")
    attempt.look_at = states.soon(attempt, now=now)


def _take_address(session: Session, attempt: PaymentAttempt, told: CryptoDeposit) -> None:
    address, owner = told.address.lower(), attempt.agent_id if told.shared else attempt.payment_attempt_id
    # One that is somebody else's stays theirs, and then the row of the attempt cannot name it.
    session.execute(insert(OwnedAddress).values(address=address, owner=owner).on_conflict_do_nothing())
    attempt.deposit_address, attempt.address_owner = address, owner


def _locked(session: Session, attempt_id: str) -> PaymentAttempt:
    """The attempt under a row lock, read after the lock was had: a row read before it may be stale."""
    return session.exec(
        select(PaymentAttempt)
        .where(PaymentAttempt.payment_attempt_id == attempt_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


# Settle


_TAKEN_BACK: Final = "taken back by the chain"


@dataclass(frozen=True, slots=True)
class _Before:
    """What was known of an attempt before anybody was asked."""

    rail_id: str
    handle: Handle | None
    looks: int
    look_at: datetime | None
    trace_id: str | None


def settle(sessions: Sessions, rails: Rails, *, payment_attempt_id: str, now: datetime) -> Settled:
    """Ask the rail what has become of an attempt and write the answer down.

    Call it as often as you like, from anywhere: a paid attempt grants its credits once. When nobody could
    be asked the attempt is left as it is, and comes up again soon.

    raises: PurchaseNotFound.
    """
    with sessions() as session:
        before = _before(session, payment_attempt_id)
    # Whoever woke us, from here on it is the purchase's own story.
    named = {"payment_attempt_id": payment_attempt_id}
    with trace.within(trace.of(before.trace_id), **named), spans.span("settle", attributes=named):
        outcome = _ask(rails, before, now=now)
        with sessions() as session:
            attempt = _locked(session, payment_attempt_id)
            granted = _record(session, attempt, before, outcome, now=now)
            settled = Settled(payment_attempt_id, attempt.state, granted)
        if granted:
            measures.GRANT_SECONDS.labels(before.rail_id).observe((now - attempt.created_at).total_seconds())
        logger.info("%s is %s, granted now: %s", payment_attempt_id, settled.state, granted)
        return settled


def _before(session: Session, payment_attempt_id: str) -> _Before:
    attempt = session.get(PaymentAttempt, payment_attempt_id)
    if attempt is None:
        raise errors.PurchaseNotFound("no such attempt")
    return _Before(
        attempt.rail_id, handles.of(session, attempt), attempt.looks, attempt.look_at, attempt.trace_id
    )


def _ask(rails: Rails, before: _Before, *, now: datetime) -> Outcome | None:
    """What the rail answers; None when nobody could be asked, which is not an answer."""
    if before.handle is None:
        return Pending()
    rail = rails.get(before.rail_id)
    if rail is None:
        return None
    try:
        with measures.call(before.rail_id, "look_up"), spans.span(f"{before.rail_id} look_up", "client"):
            return rail.look_up(before.handle, now=now)
    except errors.RailError as error:
        logger.warning("%s could not be looked up: %s", before.handle.payment_attempt_id, error)
        return None


def _record(
    session: Session, attempt: PaymentAttempt, before: _Before, outcome: Outcome | None, *, now: datetime
) -> bool:
    """Write an answer down, unless a newer one may have been. Tells whether it granted."""
    if outcome is None:
        attempt.look_at = _or_earlier_knock(attempt, before, states.soon(attempt, now=now))
        return False
    if attempt.looks != before.looks:
        # Somebody asked at the same time, and perhaps later: asking again beats guessing whose word is newer.
        attempt.look_at = now
        return isinstance(outcome, Paid) and _grant_overtaken(session, attempt, outcome, now=now)
    attempt.looked_at = now
    attempt.looks += 1
    granted = _write_down(session, attempt, outcome, now=now)
    following = _next_look(attempt, outcome, now=now)
    attempt.look_at = _or_earlier_knock(attempt, before, following)
    return granted


def _grant_overtaken(session: Session, attempt: PaymentAttempt, paid: Paid, *, now: datetime) -> bool:
    """Grant what was paid, whoever heard of it first; what else is open is for the next look to say."""
    if attempt.state == "succeeded":
        return False
    attempt.looks += 1
    evidence.keep(session, attempt.payment_attempt_id, paid.evidence, now=now)
    return _grant(session, attempt, received=paid.received, now=now)


def _or_earlier_knock(
    attempt: PaymentAttempt, before: _Before, following: datetime | None
) -> datetime | None:
    """The time of the next look; a knock that came while we asked is about what we could not have seen."""
    if attempt.look_at == before.look_at:
        return following
    return min((time for time in (attempt.look_at, following) if time is not None), default=None)


def _next_look(attempt: PaymentAttempt, outcome: Outcome, *, now: datetime) -> datetime | None:
    if isinstance(outcome, Paid) and outcome.missing:
        return states.soon(attempt, now=now)
    if isinstance(outcome, Processing) and attempt.state == "succeeded":
        # What was granted wavers: nobody knocks when the chain has taken it back for good.
        return states.soon(attempt, now=now)
    told = story()
    return states.next_look(attempt, watch=told.watch, late=told.late_payment, now=now)


def _write_down(session: Session, attempt: PaymentAttempt, outcome: Outcome, *, now: datetime) -> bool:
    attempt_id, beside = attempt.payment_attempt_id, outcome.beside
    said = (*outcome.evidence, *(each for review in beside for each in review.evidence))
    evidence.keep(session, attempt_id, said, now=now)
    match outcome:
        case Pending():
            _keep_beside(session, attempt, beside, now=now)
            _nothing_yet(attempt, now=now)
        case Processing():
            for review in beside:
                reviews.open_item(session, attempt_id, review, now=now)
            states.move(attempt, "processing")
        case NeedsReview() as review:
            _review_unpaid(session, attempt, review, now=now)
        case Failed(reason=reason):
            _keep_beside(session, attempt, beside, now=now)
            states.move(attempt, "failed" if reason == "declined" else reason, reason=reason)
        case Paid() as paid:
            granted = _grant(session, attempt, received=paid.received, now=now)
            _review_paid(session, attempt, paid, now=now)
            return granted
        case _:
            assert_never(outcome)
    return False


def _review_unpaid(session: Session, attempt: PaymentAttempt, review: NeedsReview, *, now: datetime) -> None:
    """Have a difference decided; one that was, and granted nothing, holds the attempt up no longer."""
    # What the processor says it took is not credited by a decision alone.
    gone = _taken_back(session, attempt) if review.kind in kinds.SUMS else ()
    found = (review, *review.beside, *gone)
    still = reviews.keep(session, attempt.payment_attempt_id, found, how=f"it is {review.kind} now", now=now)
    if review.kind in still:
        states.move(attempt, "needs_review", reason=review.kind)
    elif review.kind in kinds.TAKEN_BY_THE_PROCESSOR:
        # Its money was sent back or given up: nobody is asked to pay the same again.
        states.move(attempt, "failed", reason="decided")
    else:
        _nothing_yet(attempt, now=now)


def _keep_beside(
    session: Session, attempt: PaymentAttempt, beside: tuple[NeedsReview, ...], *, now: datetime
) -> None:
    """Close what was open about a payment of which nothing stands; what came beside it stays."""
    found = (*beside, *_taken_back(session, attempt))
    reviews.keep(session, attempt.payment_attempt_id, found, how=_TAKEN_BACK, now=now)


def _taken_back(session: Session, attempt: PaymentAttempt) -> tuple[NeedsReview, ...]:
    """What was credited by a decision and does not stand on the chain any more."""
    there = arrived.standing(session, attempt) if attempt.state == "succeeded" else None
    given = accounted(session, payment_attempt_id=attempt.payment_attempt_id)
    return (NeedsReview("taken_back", given, there),) if there is not None and there < given else ()


def _nothing_yet(attempt: PaymentAttempt, *, now: datetime) -> None:
    if attempt.state in ("processing", "needs_review"):
        states.move(attempt, "requires_action")
    # A page is closed by its processor, who knows whether somebody is paying on it this minute.
    if now >= attempt.expires_at and not isinstance(instructions.read(attempt), HostedPage):
        states.move(attempt, "expired", reason="nothing arrived in time")


def _review_paid(session: Session, attempt: PaymentAttempt, paid: Paid, *, now: datetime) -> None:
    """Keep open what a verified payment leaves open, and close everything else."""
    left = [paid.review] if paid.review is not None else []
    if paid.missing:
        left.append(NeedsReview("chain_evidence_pending", paid.received, paid.received))
    else:
        # What was credited beside the payment may have gone since.
        left.extend(_taken_back(session, attempt))
    reviews.keep(
        session,
        attempt.payment_attempt_id,
        (*left, *paid.beside),
        how="settled by the verified payment",
        now=now,
    )


# Cancel


@dataclass(frozen=True, slots=True)
class Canceled:
    """How an attempt stands after its cancellation was asked for, and whether the look granted its credits.

    `refusal` is why it was not closed: somebody has paid or is paying.
    """

    payment_attempt_id: str
    state: str
    granted: bool
    refusal: str | None


def cancel(
    sessions: Sessions, rails: Rails, *, payment_attempt_id: str, reason: str, now: datetime
) -> Canceled:
    """Close an attempt at its processor, then look what has become of it: the answer decides the state.

    Whatever was paid meanwhile is granted. A chain cannot be closed: money that is sent to a canceled
    attempt is still found, and waits for a decision.

    raises: PurchaseNotFound, NothingToCancel when the attempt has ended or nothing was opened yet,
        RailUnreachable when nobody knows whether it is closed.
    """
    with sessions() as session:
        before = _before(session, payment_attempt_id)
        state = session.get_one(PaymentAttempt, payment_attempt_id).state
    rail = rails.get(before.rail_id)
    if before.handle is None or rail is None or state in states.GIVEN_UP | {"succeeded"}:
        raise errors.NothingToCancel(f"it is {state}")
    refusal = None
    try:
        rail.cancel(before.handle)
    except errors.RailRefused as error:
        refusal = str(error)
    settled = settle(sessions, rails, payment_attempt_id=payment_attempt_id, now=now)
    with sessions() as session:
        attempt = _locked(session, payment_attempt_id)
        if refusal is None and attempt.state in states.GIVEN_UP:
            attempt.reason = f"canceled by an operator: {reason}"
    return Canceled(payment_attempt_id, settled.state, settled.granted, refusal)


# Grant


def _grant(session: Session, attempt: PaymentAttempt, *, received: Amount, now: datetime) -> bool:
    """Post the purchase under the attempt's one grant key, and write the receipt of it."""
    if not states.move(attempt, "succeeded"):
        return False
    bought = session.get_one(Quote, attempt.quote_id)
    grants.purchase(
        session,
        attempt,
        credits_bought=Amount(bought.credits, CREDIT),
        received=received,
        actor=f"rail:{attempt.rail_id}",
        now=now,
    )
    session.flush()
    resolutions.claim_write_offs(session, attempt, now=now)
    return True
