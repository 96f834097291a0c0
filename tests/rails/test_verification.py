"""One address per agent, its transfers shown to Stripe by hash: over the twin, a devnet and our watcher."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from ledger import book, chart
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import errors, exceptions, resolutions
from rails.chain.rpc import Rpc
from rails.chain.settings import ChainSettings
from rails.exceptions import Wanted
from rails.resolutions import Decision, Resolved
from rails.stripe_x402 import claims, intents
from rails.stripe_x402.models import TransferClaim
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import Strategy, X402Settings
from sandbox import devnet
from sandbox.devnet import Devnet
from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.models import Fault, SeenRequest
from sandbox.wallet import Wallet
from tests.rails import stripe_world
from tests.rails.stripe_world import PAYER, ChainShop
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin

INTENTS = "/v1/payment_intents"


@pytest.fixture(scope="module")
def net() -> Iterator[Devnet]:
    # Nothing is final here before it is 16 blocks deep: a reorganisation may go further than a claim.
    with devnet.start(block_seconds=0, slots_in_an_epoch=8) as running:
        running.mint(PAYER, 10**12)
        running.mine(20)
        yield running


@pytest.fixture(scope="module")
def twin(net: Devnet) -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config(rpc_url=net.rpc_url, confirmations=2)) as running:
        yield running


def rail_of(
    sessions: Sessions, twin: LocalTwin, chain: ChainSettings, *, strategy: Strategy, **stripe: Any
) -> StripeX402:
    return StripeX402(
        stripe_world.sdk(twin),
        sessions,
        stripe_settings=stripe_world.stripe_settings(twin, **stripe),
        chain_settings=chain,
        settings=X402Settings(stripe_x402_strategy=strategy, witness_grace_seconds=600),
    )


@pytest.fixture
def shop(sessions: Sessions, twin: LocalTwin, net: Devnet) -> Iterator[ChainShop]:
    chain = ChainSettings(base_rpc_url=SecretStr(net.rpc_url), chain_depth="latest+2")
    rail = rail_of(sessions, twin, chain, strategy="transaction_verification")
    twin.control.forget_requests()
    with closing(Rpc(net.rpc_url, expect_chain_id=chain.base_chain_id)) as rpc:
        # The chain of an earlier test may be hours ahead of the machine.
        rails, now = {rail.rail_id: rail}, max(stripe_world.now(), stripe_world.chain_time(net))
        opened = ChainShop(sessions, rails, twin.control, rail.rail_id, now, net, rpc, chain)
        opened.scan()
        yield opened
    twin.control.set_switches(Switches())
    twin.control.clear_faults()


def created(shop: ChainShop) -> list[SeenRequest]:
    """The requests that made PaymentIntents, or tried to."""
    return [
        each for each in shop.control.requests(path_prefix=INTENTS, method="POST") if each.path == INTENTS
    ]


def intents_of(twin: LocalTwin, attempt_id: str) -> int:
    """How many PaymentIntents Stripe has for an attempt."""
    listed = stripe_world.sdk(twin).v1.payment_intents.list({"limit": 100}).data
    return [each.to_dict()["metadata"].get("payment_attempt_id") for each in listed].count(attempt_id)


def decide(shop: ChainShop, attempt_id: str, how: Callable[..., Resolved]) -> Resolved:
    """Do this about the one thing that waits for a person."""
    with shop.sessions() as session:
        [line] = exceptions.listed(session, Wanted(payment_attempt_id=attempt_id), now=shop.now)
        return how(session, Decision(line.exception_id, "ann", "because"), now=shop.now)


def test_both_witnesses_together_grant_once_and_nothing_was_asked_of_stripe_before(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    before = created(shop)
    sent = shop.pay(attempt_id)

    first, second = shop.settle(attempt_id), shop.settle(attempt_id)

    rows = {row.source: row for row in shop.view(attempt_id).evidence}
    assert (before, len(created(shop))) == ([], 1)
    assert (first.granted, second.granted, shop.credits()) == (True, False, 500)
    assert rows["chain"].detail["transaction_hash"] == sent
    assert rows["stripe"].detail == {
        "payment_intent_id": rows["stripe"].external_id,
        "transaction_hash": sent,
    }
    assert rows["stripe"].external_id.startswith("pi_")


def test_the_payment_intent_names_the_attempt_so_that_every_webhook_finds_it(
    shop: ChainShop, twin: LocalTwin
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.settle(attempt_id)

    (row,) = [row for row in shop.view(attempt_id).evidence if row.source == "stripe"]
    intent = stripe_world.sdk(twin).v1.payment_intents.retrieve(row.external_id)

    quote_id = shop.view(attempt_id).quote.quote_id
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == {"payment_attempt_id": attempt_id, "quote_id": quote_id}


def test_an_agent_keeps_its_address_and_another_agent_has_another(shop: ChainShop) -> None:
    mine, mine_too = shop.buy(key="1"), shop.buy(100, key="2")
    theirs = shop.buy(key="3", agent_id=f"{shop.agent_id}_too")

    addresses = [shop.attempt(each).deposit_address for each in (mine, mine_too, theirs)]

    assert addresses[0] == addresses[1] != addresses[2]
    assert len({shop.reference(each) for each in (mine, mine_too, theirs)}) == 3


def test_one_transfer_pays_the_older_of_two_attempts_of_one_price_and_the_next_the_other(
    shop: ChainShop,
) -> None:
    old = shop.buy(key="1")
    shop.now += timedelta(seconds=1)
    new = shop.buy(key="2")
    shop.pay(old)
    waiting, paid = shop.settle(new), shop.settle(old)
    shop.pay(new)

    both = shop.settle(new)

    assert (waiting.state, paid.state, both.state) == ("requires_action", "succeeded", "succeeded")
    assert shop.credits() == 1000
    assert shop.open_exceptions(old) == shop.open_exceptions(new) == []


def test_two_transfers_in_one_block_pay_two_attempts(shop: ChainShop) -> None:
    old, new = shop.buy(key="1"), shop.buy(key="2")
    shop.send(old)
    shop.send(new)
    shop.mine()

    states = {shop.settle(each).state for each in (new, old)}

    assert (states, shop.credits()) == ({"succeeded"}, 1000)


def test_a_transfer_that_is_not_deep_is_processing_and_stripe_is_not_asked(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)

    seen = shop.settle(attempt_id)

    assert (seen.state, created(shop), shop.credits()) == ("processing", [], 0)


def test_a_reorganisation_before_the_claim_costs_nobody_anything(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)
    shop.settle(attempt_id)
    shop.net.reorg(1)
    shop.mine(4)
    gone = shop.settle(attempt_id)
    shop.pay(attempt_id)

    again = shop.settle(attempt_id)

    # For a while the first may come back, and whoever pays again then pays twice.
    assert (gone.state, again.state, shop.credits()) == ("processing", "succeeded", 500)
    assert len(created(shop)) == 1


def test_a_claim_follows_its_transaction_into_another_block(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    wallet = Wallet.create(shop.net.rpc_url)
    sent = wallet.submit_usdc(str(shop.attempt(attempt_id).deposit_address), 5_000_000)
    signed = shop.net.call("eth_getRawTransactionByHash", sent)
    shop.mine(3)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, status=503))
    claimed = shop.settle(attempt_id)
    shop.net.reorg(3)
    shop.mine(1)
    shop.net.call("eth_sendRawTransaction", signed)
    shop.mine(5)

    paid = shop.settle(attempt_id)

    rows = [row for row in shop.view(attempt_id).evidence if row.source == "chain"]
    assert (claimed.state, paid.state, shop.credits()) == ("processing", "succeeded", 500)
    assert {row.state for row in rows} >= {"orphaned"}
    assert {row.detail["transaction_hash"] for row in rows} == {sent}


def test_a_late_transfer_is_granted_because_both_witnesses_speak_for_it(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pass_time(timedelta(hours=2))
    given_up = shop.settle(attempt_id)
    shop.pay(attempt_id)

    late = shop.settle(attempt_id)

    assert (given_up.state, late.state, shop.credits()) == ("expired", "succeeded", 500)


def test_killed_between_claim_and_payment_intent_the_next_look_asks_under_the_same_key(
    shop: ChainShop,
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="lost_answer", path_prefix=INTENTS, method="POST"))

    lost = shop.settle(attempt_id)
    found = shop.settle(attempt_id)

    assert (lost.state, found.state, shop.credits()) == ("processing", "succeeded", 500)
    assert len({each.idempotency_key for each in created(shop)}) == 1
    assert len(created(shop)) == 2


def test_an_answer_that_broke_over_a_transfer_costs_minutes_and_not_the_day_that_stripe_keeps_it(
    shop: ChainShop, twin: LocalTwin
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="POST", status=500))

    broke, told_again = shop.settle(attempt_id), shop.settle(attempt_id)
    shop.now += timedelta(minutes=9)
    shop.settle(attempt_id)
    assert {str(each.idempotency_key)[-2:] for each in created(shop)} == {":1"}
    shop.now += timedelta(minutes=2)
    shown_anew = shop.settle(attempt_id)

    assert (broke.state, told_again.state) == ("processing", "processing")
    assert (shown_anew.state, shop.credits()) == ("succeeded", 500)
    assert {str(each.idempotency_key)[-2:] for each in created(shop)} == {":1", ":2"}
    assert intents_of(twin, attempt_id) == 1


def test_what_stripe_made_in_an_answer_that_broke_is_found_and_not_made_twice(
    shop: ChainShop, twin: LocalTwin
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="broken_answer", path_prefix=INTENTS, method="POST"))

    broke, found = shop.settle(attempt_id), shop.settle(attempt_id)

    assert (broke.state, found.state, shop.credits()) == ("processing", "succeeded", 500)
    assert {str(each.idempotency_key)[-2:] for each in created(shop)} == {":1"}
    assert intents_of(twin, attempt_id) == 1


def test_what_stripe_puts_right_before_the_next_key_is_taken_and_nothing_is_made_beside_it(
    shop: ChainShop, twin: LocalTwin
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="POST", status=500))
    for _ in range(2):
        shop.settle(attempt_id)
    with shop.sessions() as session:
        claim = session.exec(
            select(TransferClaim).where(col(TransferClaim.payment_attempt_id) == attempt_id)
        ).one()
        asked = intents.verification(
            Amount(500, USD),
            payment_attempt_id=attempt_id,
            quote_id=shop.attempt(attempt_id).quote_id,
            transaction_hash=claim.tx_hash,
            version=claim.stripe_version,
        )
    sdk = stripe_world.sdk(twin)
    sdk.v1.payment_intents.create(asked, {"stripe_version": claim.stripe_version})  # type: ignore[arg-type]

    shop.now += timedelta(minutes=11)
    settled = shop.settle(attempt_id)

    assert (settled.state, shop.credits(), intents_of(twin, attempt_id)) == ("succeeded", 500, 1)
    assert not [each for each in created(shop) if str(each.idempotency_key).endswith(":2")]


def test_who_finds_nothing_of_a_broken_answer_does_not_undo_what_somebody_beside_found(
    shop: ChainShop,
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="POST", status=503))
    shop.settle(attempt_id)
    mine = select(TransferClaim).where(col(TransferClaim.payment_attempt_id) == attempt_id)
    with shop.sessions() as session:
        before = session.exec(mine).one()
        session.expunge(before)
    shop.settle(attempt_id)

    with shop.sessions() as session:
        claims.refused(session, before, code=claims.BROKE, now=shop.now)
    with shop.sessions() as session:
        stands = session.exec(mine).one()

    assert (stands.intent_id is not None, stands.refused, stands.tries) == (True, None, 0)


def test_a_transfer_is_not_shown_under_another_key_while_stripe_cannot_be_asked_what_it_made(
    shop: ChainShop,
) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="broken_answer", path_prefix=INTENTS, method="POST"))
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="GET", status=503, times=20))

    states = set()
    for _ in range(3):
        states.add(shop.settle(attempt_id).state)
        shop.now += timedelta(minutes=11)

    assert (states, shop.credits()) == ({"processing"}, 0)
    assert {str(each.idempotency_key)[-2:] for each in created(shop)} == {":1"}


def test_a_transaction_that_stripe_does_not_see_yet_is_shown_again_later_under_another_key(
    shop: ChainShop,
) -> None:
    # Stripe waits for two confirmations, and we for one.
    shop.chain = shop.chain.model_copy(update={"chain_depth": "latest+1"})
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)

    early = shop.settle(attempt_id)
    shop.mine(4)
    soon = shop.settle(attempt_id)
    asked_by_then = len(created(shop))
    shop.now += timedelta(seconds=61)
    later = shop.settle(attempt_id)

    assert (early.state, soon.state, asked_by_then) == ("processing", "processing", 1)
    assert (later.state, shop.credits()) == ("succeeded", 500)
    assert [str(each.idempotency_key)[-2:] for each in created(shop)] == [":1", ":2"]


def test_a_transaction_that_stripe_waits_for_is_processing_until_it_is_seen(shop: ChainShop) -> None:
    shop.chain = shop.chain.model_copy(update={"chain_depth": "latest+1"})
    shop.control.set_switches(Switches(unseen_transaction="process"))
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)

    early = shop.settle(attempt_id)
    shop.mine(4)
    twin_world.until(lambda: shop.settle(attempt_id).state == "succeeded")

    assert (early.state, len(created(shop)), shop.credits()) == ("processing", 1, 500)


def test_a_transaction_that_stripe_never_sees_waits_for_a_person(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="POST", status=400, times=9))
    shop.settle(attempt_id)
    shop.now += timedelta(minutes=11)

    settled = shop.settle(attempt_id)

    assert (settled.state, shop.open_exceptions(attempt_id)) == ("needs_review", ["unmatched"])


def test_what_was_written_off_and_stripe_takes_after_all_is_in_the_book_once(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix=INTENTS, method="POST", status=400, times=9))
    shop.settle(attempt_id)
    shop.now += timedelta(minutes=11)
    shop.settle(attempt_id)
    written_off = decide(shop, attempt_id, resolutions.write_off)
    shop.control.clear_faults()
    shop.now += timedelta(minutes=11)

    settled = shop.settle(attempt_id)

    with shop.sessions() as session:
        unclaimed = book.balance(session, account=chart.UNCLAIMED).units
        clearing = book.balance(session, account=chart.clearing(shop.rail_id)).units
    assert (written_off.cents.units, settled.granted, shop.credits()) == (500, True, 500)
    assert (unclaimed, clearing) == (0, -500)


def test_what_was_credited_and_the_chain_takes_back_comes_to_a_person_by_itself(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id, 4_000_000)
    shop.settle(attempt_id)
    decide(shop, attempt_id, resolutions.credit)
    shop.settle(attempt_id)
    shop.net.reorg(4)
    shop.mine(6)
    shop.settle(attempt_id)

    comes_up = shop.attempt(attempt_id).look_at
    shop.now += timedelta(minutes=11)
    shop.settle(attempt_id)

    assert comes_up is not None
    assert comes_up <= shop.now
    assert shop.open_exceptions(attempt_id) == ["taken_back"]


def test_while_stripe_does_not_answer_what_arrived_is_processing(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix="/v1/", status=503, times=3))

    down = shop.settle(attempt_id)

    assert (down.state, shop.credits()) == ("processing", 0)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("strategy", ["deposit", "transaction_verification"])
def test_what_arrived_is_processing_although_stripe_refuses_to_tell(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin, strategy: Strategy, status: int
) -> None:
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy=strategy)}
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.control.fail(Fault(kind="status", path_prefix="/v1/", status=status, times=99))

    refused = shop.settle(attempt_id)
    shop.control.clear_faults()

    assert (refused.state, shop.credits()) == ("processing", 0)


def test_two_transfers_in_one_transaction_wait_for_a_person(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.net.send(PAYER, twice(shop.net), transfer_to(str(shop.attempt(attempt_id).deposit_address)))
    shop.mine()

    settled, again = shop.settle(attempt_id), shop.settle(attempt_id)

    assert (settled.state, again.state, shop.credits()) == ("needs_review", "needs_review", 0)
    assert shop.open_exceptions(attempt_id) == ["several"]
    assert len(created(shop)) == 1
    assert decide(shop, attempt_id, resolutions.credit).cents.units == 1000
    assert (shop.settle(attempt_id).state, shop.open_exceptions(attempt_id)) == ("succeeded", [])


def test_two_transfers_in_one_transaction_for_two_attempts_can_each_be_credited(shop: ChainShop) -> None:
    attempts = [shop.buy(key="1"), shop.buy(key="2")]
    address = str(shop.attempt(attempts[0]).deposit_address)
    shop.net.send(PAYER, twice(shop.net), transfer_to(address))
    shop.mine()
    for attempt_id in (*attempts, *attempts):
        shop.settle(attempt_id)

    kinds = [shop.open_exceptions(each) for each in attempts]
    credited = [decide(shop, each, resolutions.credit).cents.units for each in attempts]

    assert (kinds, credited, shop.credits()) == ([["unmatched"], ["unmatched"]], [500, 500], 1000)


@pytest.mark.parametrize(("units", "kind"), [(4_000_000, "underpaid"), (6_000_000, "overpaid")])
def test_a_wrong_amount_is_never_silence(shop: ChainShop, units: int, kind: str) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id, units)

    settled = shop.settle(attempt_id)

    assert (settled.state, shop.open_exceptions(attempt_id)) == ("needs_review", [kind])
    assert (shop.credits(), created(shop)) == (0, [])


def test_the_right_amount_after_a_wrong_one_is_granted_and_the_wrong_one_stays_open(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id, 4_000_000)
    shop.settle(attempt_id)
    shop.pay(attempt_id)

    settled = shop.settle(attempt_id)

    assert (settled.state, shop.credits()) == ("succeeded", 500)
    assert shop.open_exceptions(attempt_id) == ["several"]


def test_money_at_an_address_where_nothing_is_open_is_told_at_the_newest_attempt(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.pay(attempt_id)
    shop.settle(attempt_id)
    shop.pay(attempt_id, 1_000_000)

    settled = shop.settle(attempt_id)

    assert (settled.granted, shop.credits()) == (False, 500)
    assert shop.open_exceptions(attempt_id) == ["several"]


def test_an_amount_that_waits_for_a_person_is_not_taken_for_the_next_purchase(shop: ChainShop) -> None:
    wrong = shop.buy(key="1")
    shop.pay(wrong, 4_000_000)
    shop.settle(wrong)

    next_one = shop.buy(400, key="2")
    settled = shop.settle(next_one)

    assert (settled.state, shop.open_exceptions(wrong)) == ("requires_action", ["underpaid"])


def test_a_canceled_attempt_is_closed_and_what_is_sent_to_it_is_still_found(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    canceled = shop.cancel(attempt_id)
    shop.pay(attempt_id)
    shop.now += timedelta(minutes=11)
    shop.scan()

    found = shop.settle(attempt_id)

    assert (canceled.state, canceled.refusal) == ("canceled", None)
    assert (found.state, shop.open_exceptions(attempt_id)) == ("needs_review", ["unmatched"])
    assert (shop.credits(), created(shop)) == (0, [])


def test_an_attempt_whose_transfer_is_seen_cannot_be_canceled(shop: ChainShop) -> None:
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)

    canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.refusal) == ("processing", "a transfer has arrived")


def test_a_payment_is_looked_up_in_the_way_it_was_opened(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin
) -> None:
    by_hash = shop.buy(key="1")
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy="deposit")}
    by_deposit = shop.buy(key="2")
    shop.send(by_hash)
    shop.send(by_deposit)
    shop.mine()
    twin_world.until(lambda: shop.settle(by_deposit).state == "succeeded")
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy="transaction_verification")}

    settled = [shop.settle(each).state for each in (by_hash, by_deposit)]

    assert (settled, shop.credits()) == (["succeeded", "succeeded"], 1000)
    assert shop.attempt(by_hash).deposit_address != shop.attempt(by_deposit).deposit_address


@pytest.mark.parametrize("version", ["2026-03-04.preview", "2026-10-28.endive"])
def test_a_version_without_verification_closes_the_rail(
    shop: ChainShop, twin: LocalTwin, version: str
) -> None:
    rail = rail_of(
        shop.sessions, twin, shop.chain, strategy="transaction_verification", crypto_version=version
    )
    shop.rails = {rail.rail_id: rail}

    with pytest.raises(errors.MethodUnavailable):
        shop.buy()

    assert rail.unavailable_reason == "stripe_x402_preview_not_configured"


def test_the_payment_intent_of_a_payment_is_known_in_either_mode(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin
) -> None:
    by_hash = rail_of(sessions, twin, shop.chain, strategy="transaction_verification")
    attempt_id = shop.buy(key="1")
    before = by_hash.payment_intent_id(shop.handle(attempt_id))
    shop.pay(attempt_id)
    shop.settle(attempt_id)
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy="deposit")}
    deposited = shop.buy(key="2")

    (said,) = [row for row in shop.view(attempt_id).evidence if row.source == "stripe"]
    assert (before, by_hash.payment_intent_id(shop.handle(attempt_id))) == (None, said.external_id)
    assert by_hash.payment_intent_id(shop.handle(deposited)) == shop.reference(deposited)


# A transaction that pays twice


def transfer_to(address: str, units: int = 5_000_000) -> str:
    return "0xa9059cbb" + address[2:].rjust(64, "0") + f"{units:064x}"


def twice(net: Devnet) -> str:
    """A contract that has USDC and passes whatever it is called with on to the token, twice."""
    contract = "0x00000000000000000000000000000000000d0b1e"
    net.mint(contract, 10**9)
    net.mine()
    once = f"5f5f365f5f73{net.token[2:].lower()}5af150"
    net.call("anvil_setCode", contract, f"0x365f5f37{once}{once}00")
    return contract


@pytest.mark.parametrize("strategy", ["deposit", "transaction_verification"])
def test_an_answer_that_broke_and_is_kept_for_a_day_does_not_close_the_purchase(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin, strategy: Strategy
) -> None:
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy=strategy)}
    shop.control.fail(Fault(kind="status", status=500))

    with pytest.raises(errors.RailUnreachable):
        shop.buy()
    attempt_id = shop.buy()

    assert shop.attempt(attempt_id).state == "requires_action"
    assert shop.buy() == attempt_id


def test_deposit_mode_is_canceled_at_stripe_and_late_money_is_found(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin
) -> None:
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy="deposit")}
    attempt_id = shop.buy()

    canceled = shop.cancel(attempt_id)
    shop.pay(attempt_id)
    found = shop.settle(attempt_id)

    assert (canceled.state, canceled.refusal) == ("canceled", None)
    assert (found.state, shop.credits()) == ("needs_review", 0)


def test_deposit_mode_is_not_canceled_once_a_transfer_is_seen(
    shop: ChainShop, sessions: Sessions, twin: LocalTwin
) -> None:
    shop.rails = {shop.rail_id: rail_of(sessions, twin, shop.chain, strategy="deposit")}
    attempt_id = shop.buy()
    shop.send(attempt_id)
    shop.mine(1)

    canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.refusal) == ("processing", "a transfer has arrived")
