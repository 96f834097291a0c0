"""Every list of the queues is read through an index: nothing big is read whole, however much is over."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from ledger import database
from ledger.database import Sessions
from office import delivery_queue, exception_case, exception_queue, notice_queue
from office.actor import Actor
from office.notice_queue import Order
from rails.exceptions import Wanted
from tests.conftest import new_database
from tests.office.crowds import crowded
from tests.office.plans import explained

MANY: Final = 20_000
# A page of fifty lines, with what belongs to each of them.
PAGES: Final = 1000
BIG: Final = {
    *("quote", "payment_attempt", "payment_exception", "notice", "note"),
    *("webhook_event", "webhook_delivery", "webhook_attempt"),
}
NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDERS: Final[tuple[Order, ...]] = ("newest", "oldest")
ANN: Final = Actor("operator:3@example.com", role="finance")
READINGS: Final[dict[str, Callable[[Session], object]]] = {
    "open exceptions": lambda s: exception_queue.listed(s, Wanted(), now=NOW),
    "waiting exceptions": lambda s: exception_queue.listed(s, Wanted(state="waiting"), now=NOW),
    "closed exceptions": lambda s: exception_queue.listed(s, Wanted(state="closed"), now=NOW),
    "exceptions from the middle": lambda s: exception_queue.listed(
        s, Wanted(state="all"), after="2026-01-01T02:00:00+00:00~7", now=NOW
    ),
    "exceptions of a kind": lambda s: exception_queue.listed(s, Wanted(state="all", kind="late"), now=NOW),
    "exceptions of a kind that is not": lambda s: exception_queue.listed(
        s, Wanted(state="all", kind="unseen"), now=NOW
    ),
    "exceptions of an agent": lambda s: exception_queue.listed(
        s, Wanted(state="all", agent_id="agt_7"), now=NOW
    ),
    "exceptions of an agent that is not": lambda s: exception_queue.listed(
        s, Wanted(state="closed", agent_id="nobody"), now=NOW
    ),
    "old exceptions": lambda s: exception_queue.listed(s, Wanted(older_than=timedelta(days=1)), now=NOW),
    "exceptions of an owner": lambda s: exception_queue.listed(
        s, Wanted(state="all"), owner=ANN.name, now=NOW
    ),
    "exceptions of nobody": lambda s: exception_queue.listed(s, Wanted(), owner="nobody", now=NOW),
    "an exception": lambda s: exception_case.shown(s, 1, by=ANN, now=NOW),
    **{
        f"{state} notices, {order} first": partial(notice_queue.listed, state=state, order=order)
        for state in notice_queue.STATES
        for order in ORDERS
    },
    "notices of a type": lambda s: notice_queue.listed(s, state="handled", kind="kind.3"),
    "notices of a type that is not": lambda s: notice_queue.listed(s, state="handled", kind="zzz"),
    "notices from the middle": lambda s: notice_queue.listed(s, state="handled", after="9000"),
    "counts of notices": notice_queue.counts,
    "a notice": lambda s: notice_queue.shown(s, 1),
    **{
        f"{state} deliveries, {order} first": partial(delivery_queue.listed, state=state, order=order)
        for state in delivery_queue.STATES
        for order in ORDERS
    },
    "deliveries to one endpoint": lambda s: delivery_queue.listed(s, endpoint_id="ep_3"),
    "deliveries from the middle": lambda s: delivery_queue.listed(
        s, after="2026-01-01T00:30:00+00:00~msg_1~ep_1"
    ),
    "endpoints": delivery_queue.receivers,
    "an event": lambda s: delivery_queue.shown(s, "msg_c4ca4238a0b923820dcc509a6f75849b"),
}


@pytest.fixture(scope="module")
def crowd(postgres_url: str) -> Iterator[Engine]:
    """A database in which nearly everything is over."""
    with new_database(postgres_url) as url:
        engine = database.connect(url, pool_size=2)
        crowded(engine, many=MANY)
        yield engine
        engine.dispose()


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_nothing_big_is_read_whole(crowd: Engine, reading: Callable[[Session], object]) -> None:
    sessions: Sessions = database.sessions(crowd)

    with sessions() as session, explained(crowd) as asked:
        reading(session)

    assert asked.plans
    assert asked.read_whole & BIG == set()
    assert asked.pages <= PAGES


def test_a_table_that_is_read_whole_is_noticed(crowd: Engine) -> None:
    with explained(crowd) as asked, crowd.connect() as connection:
        connection.exec_driver_sql("SELECT count(body) FROM notice").scalar_one()

    assert asked.read_whole & BIG == {"notice"}
