"""Claims on transfers to an agent's address: what the database keeps, whoever asks, however often."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update

from ledger.database import Sessions
from rails import catalog, pricing, purchase, schedule
from rails.chain.models import ChainCursor, Deposit
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit, Opened, Order
from rails.stripe_x402 import claims
from rails.stripe_x402.claims import Held, Place
from rails.stripe_x402.models import TransferClaim
from tests.rails.conftest import NOON

CHAIN_ID = 8453
TOKEN = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
ADDRESS = "0x" + "ad" * 20
PLACE = Place(CHAIN_ID, ADDRESS, TOKEN)
GRACE = timedelta(minutes=15)
LONG_AFTER = NOON + timedelta(hours=1)


def tx(number: int) -> str:
    return f"0x{number:064x}"


def shared_address(agents: dict[str, str]) -> FakeRail:
    """A rail that pays every attempt of an agent at its one address."""
    rail = crypto_deposit()

    def opening(order: Order) -> Opened:
        told = CryptoDeposit(
            "base", "usdc", TOKEN, agents[order.agent_id], pricing.in_usdc(order.price), shared=True
        )
        return Opened(f"cda_1:{order.payment_attempt_id}", told)

    rail.opening = opening
    return rail


@dataclass
class Desk:
    """Attempts at one address, and a chain that is written by hand."""

    sessions: Sessions
    rail: FakeRail

    def buy(self, credits_wanted: int = 500, *, key: str = "1", agent_id: str = "agt_1") -> str:
        rails = {self.rail.rail_id: self.rail}
        terms = catalog.terms(credits_wanted=credits_wanted, pack_id=None, rail_id=self.rail.rail_id)
        quote = purchase.quote(
            self.sessions, rails, agent_id=agent_id, terms=terms, idempotency_key=key, now=NOON
        ).quote
        attempt = purchase.buy(
            self.sessions,
            rails,
            agent_id=agent_id,
            quote_id=quote.quote_id,
            rail_id=self.rail.rail_id,
            idempotency_key=key,
            now=NOON + timedelta(seconds=int(key)),
        ).view.attempt
        assert attempt is not None
        return attempt.payment_attempt_id

    def arrive(
        self, number: int, units: int = 5_000_000, *, block: int = 100, state: str = "confirmed", log: int = 0
    ) -> None:
        with self.sessions() as session:
            session.add(
                Deposit(
                    chain_id=CHAIN_ID,
                    block_hash=tx(block),
                    log_index=log,
                    block_number=block,
                    block_time=NOON,
                    tx_hash=tx(number),
                    token=TOKEN,
                    sender="0x" + "cc" * 20,
                    address=ADDRESS,
                    amount=Decimal(units),
                    state=state,
                    first_seen_at=NOON,
                    confirmed_at=NOON if state == "confirmed" else None,
                )
            )

    def orphan(self, block: int, *, at: datetime = NOON) -> None:
        with self.sessions() as session:
            session.execute(
                update(Deposit)
                .where(col(Deposit.block_number) == block)
                .values(state="orphaned", orphaned_at=at)
            )

    def held(self, attempt_id: str, *, now: datetime = NOON) -> Held:
        with self.sessions() as session:
            return claims.assign(
                session, PLACE, payment_attempt_id=attempt_id, version="v", grace=GRACE, now=now
            )

    def paying(self, attempt_id: str, *, now: datetime = NOON) -> str | None:
        claim = self.held(attempt_id, now=now).claim
        return claim.tx_hash if claim else None

    def claimed(self) -> list[tuple[str, int | None]]:
        with self.sessions() as session:
            rows = session.exec(select(TransferClaim).order_by(col(TransferClaim.tx_hash))).all()
        return [(row.tx_hash, row.number) for row in rows]


@pytest.fixture
def desk(sessions: Sessions) -> Desk:
    with sessions() as session:
        session.add(
            ChainCursor(
                chain_id=CHAIN_ID,
                generation=1,
                block_number=110,
                block_hash=tx(110),
                block_time=NOON,
                head_number=110,
                head_time=NOON,
                depth_policy="safe",
                confirmed_number=105,
                audited_number=0,
                scanned_at=NOON,
            )
        )
    return Desk(sessions, shared_address({"agt_1": ADDRESS, "agt_2": ADDRESS}))


def test_two_attempts_of_one_price_are_paid_by_two_transfers_whoever_is_looked_at_first(desk: Desk) -> None:
    old, new = desk.buy(key="1"), desk.buy(key="2")
    desk.arrive(1, block=100)
    desk.arrive(2, block=101)

    assert (desk.paying(new), desk.paying(old)) == (tx(2), tx(1))
    assert desk.claimed() == [(tx(1), 1), (tx(2), 1)]


def test_looks_that_race_claim_every_transfer_once(desk: Desk) -> None:
    attempts = [desk.buy(key=str(number)) for number in range(1, 5)]
    for number in range(1, 5):
        desk.arrive(number, block=100 + number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(desk.paying, attempts * 4))

    assert {desk.paying(each) for each in attempts} == {tx(number) for number in range(1, 5)}
    assert [number for _, number in desk.claimed()] == [1, 1, 1, 1]


def test_a_transfer_that_is_not_deep_enough_is_foretold_and_not_claimed(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, state="seen")

    held = desk.held(attempt_id)

    assert (held.claim, [row.tx_hash for row in held.rows]) == (None, [tx(1)])
    assert desk.claimed() == []


def test_a_reorganisation_before_the_claim_leaves_nothing_claimed_and_the_next_transfer_pays(
    desk: Desk,
) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, block=100, state="seen")
    desk.held(attempt_id)
    desk.orphan(100)
    desk.arrive(2, block=102)

    assert desk.paying(attempt_id) == tx(2)
    assert desk.claimed() == [(tx(2), 1)]


def test_a_claim_follows_its_transaction_into_another_block(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, block=100, log=5)
    desk.held(attempt_id)
    desk.orphan(100)
    desk.arrive(1, block=102, log=9)

    held = desk.held(attempt_id, now=LONG_AFTER)

    assert held.claim is not None
    assert [(row.block_number, row.state) for row in held.paying] == [(102, "confirmed"), (100, "orphaned")]
    assert desk.claimed() == [(tx(1), 1)]


def test_the_claim_of_a_transfer_that_is_gone_for_good_gives_way_to_the_next_transfer(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, block=100)
    desk.held(attempt_id)
    desk.orphan(100)
    desk.arrive(2, block=102)

    early = desk.held(attempt_id)
    late = desk.paying(attempt_id, now=LONG_AFTER)

    # While the first may come back nobody can say whether the second pays or came beside it.
    assert early.claim is not None
    assert (early.claim.tx_hash, {row.tx_hash for row in early.rows}) == (tx(1), {tx(1), tx(2)})
    assert late == tx(2)
    assert desk.claimed() == [(tx(1), 1), (tx(2), 2)]


def test_when_the_first_transfer_comes_back_the_second_came_beside_it(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, block=100)
    desk.held(attempt_id)
    desk.orphan(100)
    desk.arrive(2, block=102)
    desk.held(attempt_id)
    desk.arrive(1, block=103)

    assert desk.paying(attempt_id, now=LONG_AFTER) == tx(1)
    assert desk.claimed() == [(tx(1), 1), (tx(2), None)]


def test_a_claim_that_stripe_was_shown_and_has_not_answered_is_not_released(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, block=100)
    claim = desk.held(attempt_id).claim
    assert claim is not None
    with desk.sessions() as session:
        claims.asking(session, claim, now=NOON)
    desk.orphan(100)
    desk.arrive(2, block=102)

    held = desk.held(attempt_id, now=LONG_AFTER)

    assert held.claim is not None
    assert held.claim.tx_hash == tx(1)
    assert claims.may_be_shown(held, now=LONG_AFTER)
    assert not claims.may_be_shown(held, now=NOON + timedelta(hours=21))


def test_a_wrong_amount_is_kept_at_the_attempt_for_ever(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1, 4_000_000)

    first = desk.held(attempt_id)
    second = desk.buy(credits_wanted=400, key="2")

    assert (first.claim, [row.amount.units for row in first.rows]) == (None, [4_000_000])
    assert desk.held(second).rows == ()


def test_a_closed_attempt_is_paid_by_nothing_and_the_next_one_is(desk: Desk) -> None:
    closed, opened = desk.buy(key="1"), desk.buy(key="2")
    with desk.sessions() as session:
        claims.close(session, payment_attempt_id=closed, now=NOON)
    desk.arrive(1)

    assert (desk.paying(closed), desk.paying(opened)) == (None, tx(1))
    assert desk.held(closed).closed


def test_a_refused_transfer_is_shown_again_under_another_key_and_later_each_time(desk: Desk) -> None:
    attempt_id, now = desk.buy(), NOON
    desk.arrive(1)
    waits, tries = [], 0
    for _ in range(7):
        held = desk.held(attempt_id, now=now)
        assert held.claim is not None
        assert claims.may_be_shown(held, now=now)
        with desk.sessions() as session:
            claims.asking(session, held.claim, now=now)
            claims.refused(session, held.claim, code="not_yet", now=now)
        again = desk.held(attempt_id, now=now)
        assert again.claim is not None
        assert again.claim.try_at is not None
        assert not claims.may_be_shown(again, now=now)
        waits.append(again.claim.try_at - now)
        tries = again.claim.tries
        now = again.claim.try_at

    assert [wait.total_seconds() for wait in waits] == [5, 20, 60, 600, 3_600, 21_600, 21_600]
    assert tries == 7


def test_a_transfer_of_another_amount_than_stripe_counts_is_not_shown_again(desk: Desk) -> None:
    attempt_id = desk.buy()
    desk.arrive(1)
    claim = desk.held(attempt_id).claim
    assert claim is not None
    with desk.sessions() as session:
        claims.refused(session, claim, code="invalid_amount", now=NOON)

    assert not claims.may_be_shown(desk.held(attempt_id), now=LONG_AFTER)


# What the database itself refuses


def test_an_address_of_one_agent_cannot_be_named_by_anothers_attempt(desk: Desk) -> None:
    desk.buy(agent_id="agt_1", key="1")

    with pytest.raises(IntegrityError, match="payment_attempt_address_of_owner"):
        desk.buy(agent_id="agt_2", key="2")


def test_an_address_of_one_attempt_cannot_be_named_by_another_attempt(sessions: Sessions) -> None:
    rail = crypto_deposit()

    def opening(order: Order) -> Opened:
        told = CryptoDeposit("base", "usdc", TOKEN, ADDRESS, pricing.in_usdc(order.price))
        return Opened(f"pi_{order.payment_attempt_id}", told)

    rail.opening = opening
    desk = Desk(sessions, rail)
    desk.buy(key="1")

    with pytest.raises(IntegrityError, match="payment_attempt_address_of_owner"):
        desk.buy(key="2")


def test_the_same_transfer_cannot_be_claimed_twice(desk: Desk, database_url: str) -> None:
    old, new = desk.buy(key="1"), desk.buy(key="2")
    desk.arrive(1)
    desk.held(old)

    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.UniqueViolation, match="transfer_claim_once_per_transfer"),
    ):
        connection.execute(
            "INSERT INTO transfer_claim SELECT chain_id, tx_hash, address, position, %s, 1, amount,"
            " claimed_at, stripe_version FROM transfer_claim",
            [new],
        )


@pytest.mark.parametrize(("number", "refusal"), [(1, "transfer_claim_in_turn"), (2, "another transfer pays")])
def test_an_attempt_cannot_be_paid_by_two_transfers(
    desk: Desk, database_url: str, number: int, refusal: str
) -> None:
    attempt_id = desk.buy()
    desk.arrive(1)
    desk.held(attempt_id)

    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.Error, match=refusal):
        connection.execute(
            "INSERT INTO transfer_claim SELECT chain_id, %s, address, position, payment_attempt_id, %s,"
            " amount, claimed_at, stripe_version FROM transfer_claim",
            [tx(2), number],
        )


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM transfer_claim",
        "UPDATE transfer_claim SET payment_attempt_id = 'payatt_x'",
        "UPDATE transfer_claim SET amount = amount + 1",
        "UPDATE transfer_claim SET number = NULL",
        "UPDATE transfer_claim SET intent_id = NULL",
        "UPDATE transfer_claim SET intent_id = 'pi_2'",
        "UPDATE owned_address SET owner = 'agt_2'",
        "DELETE FROM owned_address",
    ],
)
def test_whose_a_transfer_is_never_changes(desk: Desk, database_url: str, change: str) -> None:
    claim = None
    attempt_id = desk.buy()
    desk.arrive(1)
    claim = desk.held(attempt_id).claim
    assert claim is not None
    with desk.sessions() as session:
        claims.opened(session, claim, intent_id="pi_1")

    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.Error, match="refused"):
        connection.execute(change)


# Who is watched and who is woken


def test_an_agents_address_is_watched_for_ever(desk: Desk) -> None:
    desk.buy()

    with desk.sessions() as session:
        watched = schedule.watched(session, now=NOON + timedelta(days=3650))

    assert watched == {ADDRESS}


def test_a_knock_at_an_agents_address_wakes_what_may_be_paid_and_the_newest_attempt(desk: Desk) -> None:
    settled, newest_of_all = desk.buy(key="1"), desk.buy(key="3")
    waiting = desk.buy(key="2")
    much_later = NOON + timedelta(days=5)
    with desk.sessions() as session:
        for paid in (settled, newest_of_all):
            found = session.get_one(PaymentAttempt, paid)
            found.state, found.look_at = "succeeded", None

    with desk.sessions() as session:
        schedule.knock(session, addresses=[ADDRESS], now=much_later)
    with desk.sessions() as session:
        due = schedule.due(session, now=much_later)

    assert set(due) == {waiting, newest_of_all}


def test_the_service_itself_may_not_rewrite_whose_a_transfer_is(desk: Desk, database_url: str) -> None:
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    desk.buy()

    with psycopg.connect(database_url, options="-c role=pennyrail_service") as connection, denied:
        connection.execute("UPDATE transfer_claim SET payment_attempt_id = 'payatt_x'")
