"""The tasks: each wakes one function of the rooms below. Arguments are names, never facts."""

import logging
from typing import Any

from ledger import credits, seals
from ledger.errors import HorizonWentBack
from outbound import delivery, telling
from outbound.delivery import Courier
from outbound.errors import NoKey
from outbound.settings import OutboundSettings
from rails import inbox, policies, purchase, schedule
from rails.chain import scanner
from rails.chain.errors import ChainError, RangeRefused, RpcError
from workers import clock
from workers.queue import celery
from workers.watching import StoryWatch
from workers.wiring import wired

logger = logging.getLogger("pennyrail.workers")


@celery.task
def handle_notice(*, notice_id: int, **_: Any) -> None:
    """Look at what one notice mentions."""
    house = wired()
    state = inbox.handle(house.sessions, house.rails, notice_id=notice_id, now=clock.now())
    logger.info("notice %s is %s", notice_id, state)


@celery.task
def settle_attempt(*, payment_attempt_id: str, **_: Any) -> None:
    """Look at one attempt."""
    house = wired()
    settled = purchase.settle(
        house.sessions, house.rails, payment_attempt_id=payment_attempt_id, now=clock.now()
    )
    logger.info("%s is %s, granted now: %s", settled.payment_attempt_id, settled.state, settled.granted)


@celery.task
def sweep(**_: Any) -> None:
    """Wake whatever is due: wake-up calls get lost, the schedule in the database does not."""
    with wired().sessions() as session:
        attempts = schedule.due(session, now=clock.now())
        notices = inbox.due(session, now=clock.now())
    for payment_attempt_id in attempts:
        settle_attempt.delay(payment_attempt_id=payment_attempt_id)
    for notice_id in notices:
        handle_notice.delay(notice_id=notice_id)


@celery.task
def decide_exceptions(**_: Any) -> None:
    """Credit what the published policy credits by itself, and close what ended without anybody's look."""
    house, now = wired(), clock.now()
    with house.sessions() as session:
        policies.close_what_ended(session, now=now)
    for each in policies.decide(house.sessions, now=now):
        logger.info("exception %s: %s credited by policy", each.exception_id, each.cents)


@celery.task
def watch_deposits(**_: Any) -> None:
    """Read the chain once, and wake the attempts whose deposits changed."""
    house, now = wired(), clock.now()
    watch = StoryWatch(now)
    try:
        report = scanner.scan(
            house.sessions,
            house.rpc,
            watch,
            token=house.chain.usdc_address,
            policy=house.chain.depth,
            now=now,
            limits=house.limits,
        )
    except RpcError as error:
        # Nothing was written and the next pass asks again; the age of the last good pass tells how bad it is.
        logger.warning("the chain could not be read: %s", error)
        return
    except RangeRefused as error:
        logger.error("the node refuses even one block, so nobody sees deposits: %s", error)
        return
    if report.outcome is not scanner.Outcome.KEPT:
        logger.warning("a pass over the chain was not kept: %s", report.outcome)
    if watch.told:
        sweep.delay()


@celery.task
def audit_deposits(**_: Any) -> None:
    """Read blocks that became final a second time: a lagging node may have left transfers out."""
    house, now = wired(), clock.now()
    try:
        report = scanner.audit(
            house.sessions,
            house.rpc,
            StoryWatch(now),
            token=house.chain.usdc_address,
            now=now,
            limits=house.limits,
        )
    except ChainError as error:
        logger.warning("final blocks could not be read again: %s", error)
        return
    if report is not None and report.new:
        logger.error("%s transfers were missing from the first reading of final blocks", report.new)


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
        logger.info("holds and credits of %s agents were due", agents)


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
    if reached:
        logger.info("webhooks: %s", dict(reached))
