"""The tasks: each wakes one function of the rooms below. Arguments are names, never facts."""

import logging
from time import monotonic
from typing import Any, Final

from ledger import credits, seals
from ledger.errors import HorizonWentBack
from office import figures
from office.proposals import deciding
from outbound import delivery, telling
from outbound.delivery import Courier
from outbound.errors import NoKey
from outbound.settings import OutboundSettings
from rails import (
    inbox,
    policies,
    purchase,
    recovery,
    refund_requests,
    refunds,
    reversal_watch,
    reversals,
    schedule,
)
from rails.chain import watcher
from rails.chain.errors import ChainError, RangeRefused, RpcError
from rails.chain.scanner import Outcome
from rails.errors import RailError
from rails.reconciliation import progress as reconciliation_progress
from rails.reconciliation import run as reconciliation
from rails.reconciliation.settings import ReconciliationSettings
from rails.telemetry import measures
from workers import account_news, clock
from workers.knocking import Knock
from workers.queue import celery
from workers.watching import StoryWatch
from workers.wiring import books, wired

logger = logging.getLogger("pennyrail.workers")
# Of the time that a task has: the notice in hand when it is over still asks the processor some times.
_NOTICES_SECONDS: Final = 40.0
# What the sweeper wakes is woken again when its lease is over: an older call is worth nothing by then.
# Without an end, calls for the same few attempts pile up for as long as a processor is slow, and everything
# else waits behind them.


@celery.task(expires=inbox.WOKEN.total_seconds())
def handle_notice(*, notice_id: int, **_: Any) -> None:
    """Look at what one notice mentions."""
    house = wired()
    state = inbox.handle(
        house.sessions,
        house.rails,
        notice_id=notice_id,
        now=clock.now(),
        ask=house.related,
        on_unmatched=account_news.heard,
    )
    logger.info("notice %s is %s", notice_id, state)


@celery.task
def handle_notices(*, notice_ids: list[int], **_: Any) -> None:
    """Look at what several notices mention, in their order; if that takes long the sweeper has the rest."""
    end = monotonic() + _NOTICES_SECONDS
    for at, notice_id in enumerate(notice_ids):
        if monotonic() > end:
            logger.warning("%s notices wait for the sweeper: the processor is slow", len(notice_ids) - at)
            return
        handle_notice(notice_id=notice_id)


@celery.task(soft_time_limit=1500, time_limit=1800)
def recover_notices(**_: Any) -> None:
    """Read Stripe's own list of events: what no webhook brought is kept now, and handled like the others."""
    house = wired()
    try:
        found = recovery.recover(house.sessions, house.memory, now=clock.now())
    except RailError as error:
        logger.warning("the list of events could not be read to its end: %s", error)
        return
    if found.notice_ids:
        logger.warning("%s notices were in the list, and nobody had delivered them", len(found.notice_ids))
        sweep.delay()


@celery.task(expires=schedule.LEASE.total_seconds())
def settle_attempt(*, payment_attempt_id: str, **_: Any) -> None:
    """Look at one attempt."""
    house = wired()
    purchase.settle(house.sessions, house.rails, payment_attempt_id=payment_attempt_id, now=clock.now())


@celery.task
def sweep(**_: Any) -> None:
    """Wake whatever is due: wake-up calls get lost, the schedule in the database does not."""
    with wired().sessions() as session:
        attempts = schedule.due(session, now=clock.now())
        notices = inbox.due(session, now=clock.now())
        reversed_ones = reversal_watch.due(session, now=clock.now())
        refunds_asked = refund_requests.due(session, now=clock.now())
    for payment_attempt_id in attempts:
        settle_attempt.delay(payment_attempt_id=payment_attempt_id)
    for notice_id in notices:
        handle_notice.delay(notice_id=notice_id)
    for payment_attempt_id in reversed_ones:
        look_for_reversals.delay(payment_attempt_id=payment_attempt_id)
    for refund_id in refunds_asked:
        ask_for_refund.delay(refund_id=refund_id)


@celery.task(expires=reversal_watch.LEASE.total_seconds())
def look_for_reversals(*, payment_attempt_id: str, **_: Any) -> None:
    """Look whether anything has left one payment."""
    house = wired()
    looked = reversals.look(
        house.sessions, house.rails, payment_attempt_id=payment_attempt_id, now=clock.now()
    )
    if looked.transactions:
        logger.info("%s: %s movements were booked", payment_attempt_id, len(looked.transactions))


@celery.task(expires=refund_requests.LEASE.total_seconds())
def ask_for_refund(*, refund_id: str, **_: Any) -> None:
    """Ask a processor for one refund, again if nobody knows what became of it."""
    house = wired()
    asked = refunds.ask(house.sessions, house.rails, refund_id=refund_id, now=clock.now())
    logger.info("%s is %s", refund_id, asked.state)


@celery.task
def decide_exceptions(**_: Any) -> None:
    """Credit what the published policy credits by itself, and close what ended without anybody's look."""
    house, now = wired(), clock.now()
    with house.sessions() as session:
        policies.close_what_ended(session, now=now)
    for each in policies.decide(house.sessions, now=now):
        logger.info("exception %s: %s credited by policy", each.exception_id, each.cents)


@celery.task
def expire_proposals(**_: Any) -> None:
    """Write down of proposals whose time is over that nobody has decided them."""
    with wired().sessions() as session:
        expired = deciding.expire(session, now=clock.now())
    if expired:
        logger.info("%s proposals were decided by nobody in time", len(expired))


@celery.task
def watch_deposits(**_: Any) -> None:
    """Read the chain once, and wake the attempts whose deposits changed. One worker does it at a time."""
    house, now = wired(), clock.now()
    watch = StoryWatch(now)
    try:
        report = watcher.read(
            house.sessions, house.providers, watch, house.chain.plan, holder=house.holder, now=now
        )
    except RpcError as error:
        # Nothing was written and the next pass asks again; the age of the last good pass tells how bad it is.
        logger.warning("the chain could not be read: %s", error)
        return
    except RangeRefused as error:
        logger.error("no node reads even one block, so nobody sees deposits: %s", error)
        return
    if report is not None and report.outcome is not Outcome.KEPT:
        logger.warning("a pass over the chain was not kept: %s, %s", report.outcome, report.detail)
    if watch.told:
        sweep.delay()


@celery.task
def audit_deposits(**_: Any) -> None:
    """Read blocks that became final a second time: a lagging node may have left transfers out."""
    house, now = wired(), clock.now()
    watch = StoryWatch(now)
    try:
        watcher.audit(house.sessions, house.providers, watch, house.chain.plan, now=now)
    except ChainError as error:
        logger.warning("final blocks could not be read again: %s", error)
        return
    if watch.told:
        sweep.delay()


@celery.task
def check_balances(**_: Any) -> None:
    """Compare what our addresses hold with what came and left: a log that was lost shows here."""
    house, now = wired(), clock.now()
    try:
        watcher.check_balances(house.sessions, house.providers, StoryWatch(now), house.chain.plan, now=now)
    except ChainError as error:
        logger.warning("balances could not be compared: %s", error)


@celery.task
def check_chain(**_: Any) -> None:
    """Alarm when the chain stands still or nobody reads it, and end the alarm when that is over."""
    house = wired()
    with house.sessions() as session:
        watcher.check_ages(session, house.chain.plan, chain_id=house.chain.base_chain_id, now=clock.now())


@celery.task
def seal(**_: Any) -> None:
    """Seal what nobody can come before any more. Does nothing while another worker does it."""
    try:
        made = seals.seal_all(wired().sessions, now=clock.now())
    except HorizonWentBack as error:
        logger.error("nothing is sealed: %s", error)
        return
    if made:
        logger.info("seal %s, %s transactions", made[-1].number, sum(each.leaves for each in made))


@celery.task
def expire(**_: Any) -> None:
    """Do what the clock made due, for some agents at a time: what lapses, begins, or is out of time."""
    house, now, agents = wired(), clock.now(), 0
    while True:
        with house.sessions() as session:
            settled = credits.settle_due(session, now=now)
        if not settled:
            break
        agents += settled
    if agents:
        measures.DUE_AGENTS.inc(agents)
        logger.info("holds and credits of %s agents were due", agents)


# A first run reads all books from their beginning.
@celery.task(soft_time_limit=1500, time_limit=1800)
def reconcile(**_: Any) -> None:
    """Hold the processor's books, the chain and our own against each other."""
    house, now = wired(), clock.now()
    try:
        with reconciliation_progress.shown(house.sessions, now=now) as progress:
            done = reconciliation.run(
                house.sessions,
                books(),
                knock=Knock(house.sessions, house.rails, now),
                settings=ReconciliationSettings(),
                now=now,
                progress=progress,
            )
    except RailError as error:
        logger.warning("the processor's books could not be read: %s", error)
        return
    say = logger.error if done.breaks else logger.info
    say("reconciled: %s new movements, %s breaks are open", done.booked, done.breaks)


# The first run counts all that was ever booked; what it leaves is counted by the next ones.
@celery.task(soft_time_limit=600, time_limit=660)
def count_figures(**_: Any) -> None:
    """Count what was sealed and bought since the last time. Does nothing while another worker does it."""
    counted = figures.count_all(wired().sessions, now=clock.now())
    if counted:
        logger.info("%s seals are in the figures", counted)


@celery.task
def tell_events(**_: Any) -> None:
    """Make events of what happened, and have them delivered."""
    told = telling.tell_all(wired().sessions, now=clock.now())
    if told:
        logger.info("%s events are to be told", told)
        deliver_webhooks.delay()


@celery.task
def deliver_webhooks(**_: Any) -> None:
    """Send what is due. Does nothing while another worker does it."""
    try:
        courier = Courier.of(wired().sessions, OutboundSettings(), clock=clock.now)
    except NoKey:
        # Without a key there are no endpoints either: nobody has asked to be told.
        return
    reached = delivery.deliver(courier)
    for outcome, many in reached.items():
        measures.DELIVERIES.labels(outcome).inc(many)
    if reached:
        logger.info("webhooks: %s", dict(reached))
