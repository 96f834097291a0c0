"""The tasks that read the chain, over a real node and a real database, as a worker runs them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from freezegun import freeze_time
from pydantic import SecretStr
from sqlmodel import col, select, update

from ledger.database import Sessions
from rails import schedule
from rails.chain import alarms, lease
from rails.chain.models import ChainCursor
from rails.chain.settings import ChainSettings
from rails.conformance.fakes import crypto_deposit
from rails.models import OwnedAddress, PaymentAttempt
from rails.settings import story
from sandbox import devnet
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import CHAIN_ID, SHOP, states
from tests.chain.test_scanner import pay
from tests.rails.conftest import NOON, buy
from workers import tasks, wiring
from workers.wiring import Reader


@dataclass
class Woken:
    """How often the sweeper was woken."""

    times: int = 0
    house: Reader | None = field(default=None)

    def delay(self) -> None:
        self.times += 1


@pytest.fixture
def net() -> Iterator[Devnet]:
    with devnet.start(block_seconds=0, slots_in_an_epoch=4) as net:
        net.mine(20)
        yield net


@pytest.fixture
def woken(
    sessions: Sessions, net: Devnet, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Woken]:
    monkeypatch.setenv("REDIS_URL", redis_url)
    chain = ChainSettings(base_rpc_url=SecretStr(net.rpc_url))
    woken = Woken(house=Reader(sessions, chain, wiring.providers(chain)))
    monkeypatch.setattr(tasks, "wired", lambda: woken.house)
    monkeypatch.setattr(tasks.sweep, "delay", woken.delay)
    yield woken
    assert woken.house is not None
    woken.house.providers.close()


def attempt_paid_at(sessions: Sessions, address: str) -> PaymentAttempt:
    rail = crypto_deposit()
    attempt = buy(sessions, {rail.rail_id: rail}, rail).attempt
    assert attempt is not None
    with sessions() as session:
        session.add(OwnedAddress(address=address, owner=attempt.payment_attempt_id))
        session.flush()
        session.execute(
            update(PaymentAttempt)
            .where(col(PaymentAttempt.payment_attempt_id) == attempt.payment_attempt_id)
            .values(deposit_address=address)
        )
    return attempt


def open_alarms(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return [each.kind for each in alarms.open_alarms(session, chain_id=CHAIN_ID)]


def test_a_deposit_wakes_the_sweeper_once_however_often_the_task_is_delivered(
    sessions: Sessions, net: Devnet, woken: Woken
) -> None:
    attempt_paid_at(sessions, SHOP)
    pay(net)

    with freeze_time(NOON):
        tasks.watch_deposits()
        tasks.watch_deposits(added_next_year="x")

    assert (states(sessions), woken.times) == (["seen"], 1)


def test_a_node_that_does_not_answer_is_no_error_of_the_task_and_an_alarm_after_a_while(
    sessions: Sessions, net: Devnet, woken: Woken, redis_url: str
) -> None:
    assert woken.house is not None
    with fault_proxy.before(net.rpc_url) as proxy:
        chain = ChainSettings(base_rpc_url=SecretStr(proxy.url))
        woken.house = Reader(sessions, chain, wiring.providers(chain))
        with freeze_time(NOON):
            tasks.watch_deposits()
        proxy.refuse()
        with freeze_time(NOON + timedelta(seconds=121)):
            tasks.watch_deposits()
            tasks.check_chain()

        assert "cursor_age" in open_alarms(sessions)
        woken.house.providers.close()


def test_what_the_first_reading_left_out_is_found_told_and_alarmed(
    sessions: Sessions, net: Devnet, woken: Woken
) -> None:
    attempt_paid_at(sessions, SHOP)
    with fault_proxy.before(net.rpc_url) as proxy:
        chain = ChainSettings(base_rpc_url=SecretStr(proxy.url))
        woken.house = Reader(sessions, chain, wiring.providers(chain))
        pay(net)
        net.mine(20)
        with freeze_time(NOON):
            proxy.spoil("eth_getLogs", faults.EMPTY)
            tasks.watch_deposits()
            missed = states(sessions)
            proxy.heal()
            tasks.audit_deposits()

        assert (missed, states(sessions), woken.times) == ([], ["seen"], 1)
        assert open_alarms(sessions) == ["audit_missing"]
        woken.house.providers.close()


def test_balances_that_fit_are_no_alarm_and_those_that_do_not_are(
    sessions: Sessions, net: Devnet, woken: Woken
) -> None:
    attempt_paid_at(sessions, SHOP)
    pay(net)
    net.mine(20)
    with freeze_time(NOON):
        tasks.watch_deposits()
        tasks.audit_deposits()
        tasks.check_balances()
        fits = open_alarms(sessions)
        net.call("anvil_dealERC20", SHOP, net.token, hex(1))
        net.mine(20)
        tasks.watch_deposits()
        tasks.audit_deposits()
        tasks.check_balances()

    assert (fits, open_alarms(sessions)) == ([], ["balance_mismatch"])


def test_while_another_worker_reads_the_task_does_nothing(
    sessions: Sessions, net: Devnet, woken: Woken
) -> None:

    with sessions() as session:
        lease.take(session, chain_id=CHAIN_ID, holder="another", seconds=30)

    with freeze_time(NOON):
        tasks.watch_deposits()

    with sessions() as session:
        assert session.get(ChainCursor, CHAIN_ID) is None


def test_an_address_is_watched_for_as_long_after_its_end_as_the_setting_says(
    sessions: Sessions, woken: Woken
) -> None:
    attempt = attempt_paid_at(sessions, SHOP)
    end = attempt.expires_at + timedelta(days=story().watch_days + story().retired_watch_days)

    def watched(now: datetime) -> bool:
        with sessions() as session:
            return SHOP in schedule.watched(session, now=now)

    def has(state: str) -> None:
        with sessions() as session:
            session.execute(update(PaymentAttempt).values(state=state))

    on_the_last_day = watched(end - timedelta(seconds=1))
    after = watched(end)
    has("needs_review")
    unsettled = watched(end + timedelta(days=400))

    assert (on_the_last_day, after, unsettled) == (True, False, True)
    with sessions() as session:
        assert session.exec(select(PaymentAttempt.deposit_address)).all() == [SHOP]


def test_a_payment_that_comes_after_the_end_and_within_the_setting_is_seen(
    sessions: Sessions, net: Devnet, woken: Woken
) -> None:
    attempt = attempt_paid_at(sessions, SHOP)
    with freeze_time(NOON):
        tasks.watch_deposits()
    pay(net)

    with freeze_time(attempt.expires_at + timedelta(days=story().watch_days, seconds=-1)):
        tasks.watch_deposits()

    assert states(sessions) == ["seen"]
