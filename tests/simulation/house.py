"""What the house does by itself: its tasks, called in whatever order chance likes."""

import logging
from collections.abc import Callable

from ledger import credits, seals
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
from rails.chain.errors import ChainError
from rails.errors import RailError
from rails.reconciliation import run as reconciliation
from rails.reconciliation.settings import ReconciliationSettings
from rails.stripe import client, webhooks
from rails.stripe.balance import StripeBooks
from rails.stripe.events import StripeMemory
from rails.stripe.related import Related
from sandbox.stripe_twin import deliveries
from sandbox.stripe_twin.store import Document
from tests.simulation.world import WEBHOOK_SECRET, World
from workers import account_news
from workers.knocking import Knock
from workers.watching import StoryWatch

logger = logging.getLogger("pennyrail.simulation")
THIN_CHANCE = 0.3


def watch(world: World) -> None:
    """One pass over the chain."""
    try:
        watcher.read(
            world.house.sessions,
            world.house.providers,
            StoryWatch(world.now),
            world.chain.plan,
            holder="watcher",
            now=world.now,
        )
    except ChainError as error:
        logger.debug("the chain could not be read: %s", error)


def audit(world: World) -> None:
    """Read final blocks a second time, and compare balances."""
    try:
        watch = StoryWatch(world.now)
        plan, providers = world.chain.plan, world.house.providers
        watcher.audit(world.house.sessions, providers, watch, plan, now=world.now)
        watcher.check_balances(world.house.sessions, providers, watch, plan, now=world.now)
    except ChainError as error:
        logger.debug("final blocks could not be read again: %s", error)


def reconcile(world: World) -> None:
    """Hold Stripe's books, the chain and our own against each other."""
    try:
        reconciliation.run(
            world.house.sessions,
            StripeBooks(client.connect(world.stripe_settings)),
            knock=Knock(world.house.sessions, world.house.rails, world.now),
            settings=ReconciliationSettings(),
            now=world.now,
        )
    except RailError as error:
        logger.debug("Stripe's books could not be read: %s", error)


def sweep(world: World) -> int:
    """Do whatever is due; how much that was."""
    with world.house.sessions() as session:
        attempts = sorted(schedule.due(session, now=world.now), key=_age(world))
        notices = sorted(inbox.due(session, now=world.now))
        reversed_ones = sorted(reversal_watch.due(session, now=world.now), key=_age(world))
        asked = sorted(refund_requests.due(session, now=world.now))
    world.chance.shuffle(attempts)
    world.chance.shuffle(notices)
    for payment_attempt_id in attempts:
        settle(world, payment_attempt_id)
    for notice_id in notices:
        handle(world, notice_id)
    for payment_attempt_id in reversed_ones:
        reversals.look(
            world.house.sessions, world.house.rails, payment_attempt_id=payment_attempt_id, now=world.now
        )
    for refund_id in asked:
        refunds.ask(world.house.sessions, world.house.rails, refund_id=refund_id, now=world.now)
    return len(attempts) + len(notices) + len(reversed_ones) + len(asked)


def _age(world: World) -> Callable[[str], int]:
    # The ids are random: only an order that a seed repeats makes a shuffle that it repeats.
    order = {known.payment_attempt_id: place for place, known in enumerate(world.purchases)}
    return lambda payment_attempt_id: order.get(payment_attempt_id, len(order))


def settle(world: World, payment_attempt_id: str) -> None:
    """Look at one attempt."""
    purchase.settle(
        world.house.sessions, world.house.rails, payment_attempt_id=payment_attempt_id, now=world.now
    )


def handle(world: World, notice_id: int) -> None:
    """Look at what one notice mentions."""
    inbox.handle(
        world.house.sessions,
        world.house.rails,
        notice_id=notice_id,
        now=world.now,
        ask=Related(client.connect(world.stripe_settings)),
        on_unmatched=account_news.heard,
    )


def recover(world: World) -> int:
    """Read Stripe's own list of events; how many notices nobody had brought."""
    memory = StripeMemory(client.connect(world.stripe_settings), world.stripe_settings)
    try:
        return len(recovery.recover(world.house.sessions, memory, now=world.now).notice_ids)
    except RailError as error:
        logger.debug("the list of events could not be read: %s", error)
        return 0


def decide(world: World) -> None:
    """Credit what the published policy credits by itself."""
    with world.house.sessions() as session:
        policies.close_what_ended(session, now=world.now)
    policies.decide(world.house.sessions, now=world.now)


def keep(world: World, event: Document) -> int | None:
    """Take in a webhook as the door does; the notice's id if somebody has to handle it."""
    shape: deliveries.Shape = "thin" if world.chance.random() < THIN_CHANCE else "snapshot"
    body = deliveries.payload(world.stripe.world, event, shape)
    signed = deliveries.signature(body, [WEBHOOK_SECRET], timestamp=int(world.now.timestamp()))
    incoming = webhooks.verify(body, signed, settings=world.stripe_settings, now=world.now)
    with world.house.sessions() as session:
        return inbox.receive(session, incoming, now=world.now)


def tick(world: World) -> None:
    """What lapses, and what is sealed."""
    with world.house.sessions() as session:
        credits.settle_due(session, now=world.now)
    seals.seal_all(world.house.sessions, now=world.now)
