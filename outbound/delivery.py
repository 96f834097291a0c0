"""Delivering: what is due is sent, many at a time, and what came of it is written down.

Nothing is sent inside a transaction. A parcel is leased, sent, and settled; whoever dies in between leaves a
lease that runs out, and the same webhook-id is sent again.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import text

from ledger.database import Sessions
from outbound import outcomes, schedule, signing
from outbound.errors import OutboundError
from outbound.outcomes import Tried
from outbound.post import Post
from outbound.schedule import Parcel
from outbound.settings import OutboundSettings
from outbound.vault import Vault
from rails import ids
from rails.telemetry import measures, spans, trace

logger = logging.getLogger("pennyrail.outbound")

Clock = Callable[[], datetime]
PASS_SECONDS: Final = 20
LOOK_SECONDS: Final = 0.2
# As long as a pass and its last try can take.
TURN: Final = timedelta(seconds=75)

_DUE: Final = text(
    """
    SELECT EXISTS (
        SELECT FROM webhook_endpoint AS endpoint
        JOIN webhook_delivery AS delivery USING (endpoint_id)
        WHERE endpoint.state = 'enabled'
            AND coalesce(endpoint.quiet_until, '-infinity') <= :now
            AND delivery.state = 'pending'
            AND delivery.try_at <= :now
    )
    """
)
_TAKE_TURN: Final = text(
    "UPDATE webhook_turn SET holder = :holder, until = :until WHERE until <= :now RETURNING true"
)
_END_TURN: Final = text("UPDATE webhook_turn SET until = '-infinity' WHERE holder = :holder")


@dataclass(frozen=True, slots=True)
class Courier:
    """What it takes to deliver."""

    sessions: Sessions
    post: Post
    vault: Vault = field(repr=False)
    clock: Clock
    patience: timedelta
    at_once: int
    at_once_each: int

    @classmethod
    def of(cls, sessions: Sessions, settings: OutboundSettings, *, clock: Clock) -> "Courier":
        """A courier as these settings want it.

        raises: NoKey
        """
        return cls(
            sessions,
            Post(settings.rules, settings.timeout_seconds),
            settings.vault,
            clock,
            timedelta(hours=settings.disable_after_hours),
            settings.at_once,
            settings.at_once_each,
        )


def deliver(courier: Courier) -> Counter[str]:
    """Deliver what is due, for some seconds, unless another process is at it; what came of them."""
    holder = ids.new("turn")
    if not _take_turn(courier, holder):
        return Counter()
    try:
        return _deliver(courier)
    finally:
        with courier.sessions() as session:
            session.connection().execute(_END_TURN, {"holder": holder})


def _take_turn(courier: Courier, holder: str) -> bool:
    now = courier.clock()
    with courier.sessions() as session:
        connection = session.connection()
        if not connection.execute(_DUE, {"now": now}).scalar_one():
            return False
        given = connection.execute(_TAKE_TURN, {"holder": holder, "until": now + TURN, "now": now})
        return given.one_or_none() is not None


def _deliver(courier: Courier) -> Counter[str]:
    reached: Counter[str] = Counter()
    under_way: dict[Future[str], str] = {}
    until = time.monotonic() + PASS_SECONDS
    with ThreadPoolExecutor(courier.at_once, thread_name_prefix="webhook") as senders:
        while True:
            if time.monotonic() < until:
                for parcel in _take(courier, Counter(under_way.values())):
                    under_way[senders.submit(_deliver_one, courier, parcel)] = parcel.endpoint_id
            if not under_way:
                return reached
            done, _ = wait(under_way, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for each in done:
                reached[_state(each, under_way.pop(each))] += 1


def _state(done: Future[str], endpoint_id: str) -> str:
    """What a delivery reached. A fault of ours stops nobody else: the lease runs out, and it comes again."""
    error = done.exception()
    if error is None:
        return done.result()
    logger.error("a delivery to %s broke: %s", endpoint_id, type(error).__name__, exc_info=error)
    return "broken"


def _take(courier: Courier, busy: Counter[str]) -> list[Parcel]:
    with courier.sessions() as session:
        taken = schedule.take(
            session,
            busy=busy,
            each=courier.at_once_each,
            most=courier.at_once - busy.total(),
            now=courier.clock(),
        )
    return list(taken)


def _deliver_one(courier: Courier, parcel: Parcel) -> str:
    # Threads know no story of their own: this is the purchase's, if it tells of one.
    with trace.within(trace.of(parcel.trace_id)), spans.span("deliver", "client"):
        tried = _try(courier, parcel)
        with courier.sessions() as session:
            state = outcomes.write(session, parcel, tried, patience=courier.patience, now=courier.clock())
        came = tried.error or tried.status
        logger.info("%s to %s: %s, %s", parcel.event_id, parcel.endpoint_id, came, state)
        return state


def _try(courier: Courier, parcel: Parcel) -> Tried:
    started_at, began = courier.clock(), time.monotonic()

    def took_ms() -> int:
        return round((time.monotonic() - began) * 1000)

    try:
        secrets = [courier.vault.open(sealed) for sealed in parcel.sealed_secrets]
        signed = signing.headers(secrets, event_id=parcel.event_id, body=parcel.body, now=started_at)
        sent = {**_HEADERS, **trace.headers(), **signed}
        with measures.call("endpoint", "deliver"):
            answer = courier.post.send(parcel.url, headers=sent, body=parcel.body)
    except OutboundError as error:
        return Tried(started_at, took_ms(), None, error.code)
    return Tried(
        started_at,
        took_ms(),
        answer.status,
        outcomes.error_of(answer.status),
        answer.body,
        answer.retry_after,
    )


_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "Pennyrail-Webhooks/1",
    "accept-encoding": "identity",
}
