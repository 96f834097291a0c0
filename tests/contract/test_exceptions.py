"""Payments that are not as they were asked for, over a real chain, a Stripe twin and the agents' doors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from ledger import audit
from ledger.money import USD, USDC, Amount
from rails import arrived, exceptions, policies, resolutions
from rails.chain import scanner
from rails.exceptions import Line, Wanted
from rails.models import PaymentAttempt
from rails.resolutions import Decision
from rails.settings import policy
from sandbox.devnet.token import contract
from tests.app.conftest import Json
from tests.contract.house import PAYER, Caller, House
from tests.waiting import eventually
from workers.watching import StoryWatch

Publish = Callable[..., None]
USDBC = "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"
FINAL_BLOCKS = 4


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publish]:
    """Publish a policy, for what is bought from now on."""

    def published(**kinds: str) -> None:
        for kind, outcome in kinds.items():
            monkeypatch.setenv(f"PENNYRAIL_POLICY_{kind.upper()}", outcome)
        policy.cache_clear()

    yield published
    policy.cache_clear()


def send(house: House, attempt: Json, *units: int) -> None:
    """Send these amounts to an attempt's address, a transfer each."""
    told = attempt["stripe_x402"]["payable_instructions"]
    for each in units:
        house.devnet.mint(PAYER, each)
        house.devnet.mine()
        house.devnet.transfer(PAYER, told["deposit_address"], each)
        house.devnet.mine()


def seen(house: House, agent: Caller, attempt: Json) -> Json:
    """The status of an attempt after somebody has looked."""
    house.look(attempt["payment_attempt_id"])
    return agent.status(payment_attempt_id=attempt["payment_attempt_id"])


def opened(house: House, attempt: Json) -> list[Line]:
    """What waits for a decision about an attempt."""
    wanted = Wanted(payment_attempt_id=attempt["payment_attempt_id"])
    with house.sessions() as session:
        return list(exceptions.listed(session, wanted, now=house.time()))


def decide(house: House, line: Line) -> Decision:
    return Decision(line.exception_id, "operator:ann", "looked at the chain")


def unexplained(house: House, attempt: Json) -> list[arrived.Unexplained]:
    """What reached the attempt's address for good and is in no book and in no exception."""
    with house.sessions() as session:
        found = arrived.unexplained(session)
    return [each for each in found if attempt["payment_attempt_id"] in each.attempts]


def grants(agent: Caller) -> int:
    """How often the history tells that credits were granted."""
    return [each["type"] for each in agent.events()].count("credits.payment_backed_granted")


def check_book(house: House) -> None:
    with house.sessions() as session:
        assert audit.verify(session).clean


def test_by_a_published_policy_an_overpayment_is_credited_to_the_cent_once_it_is_final(
    house: House, agent: Caller, publish: Publish
) -> None:
    publish(overpaid="credit")
    quote = agent.quote()
    attempt = agent.buy(quote)
    send(house, attempt, 6_239_999)

    waiting = seen(house, agent, attempt)
    early = policies.decide(house.sessions, now=house.time())
    house.devnet.mine(FINAL_BLOCKS)
    house.look(attempt["payment_attempt_id"])
    credited = policies.decide(house.sessions, now=house.time())
    status = seen(house, agent, attempt)

    for reply in (quote, attempt):
        assert reply["payment_policy"]["overpaid"]["outcome"] == "credited_as_received"
    assert (waiting["state"], waiting["next"]["actor"], waiting["next"]["may_pay"]) == (
        "needs_review",
        "none",
        "no",
    )
    assert waiting["payment_attempt"]["exception"]["decided_by"] == "policy"
    assert waiting["next"]["message"] == (
        "more arrived than was asked for (asked 5.00, seen 6.239999 USDC); by payment_policy it is credited"
        " by itself once it is final: 623 credits, and 0.009999 USDC is less than a cent. Do not pay again,"
        " and do not send a missing rest"
    )
    assert (early, [each.cents for each in credited]) == ([], [Amount(623, USD)])
    assert (status["state"], status["receipt"]["credits_granted"]) == ("succeeded", 623)
    assert status["receipt"]["received_cents"] == 623
    assert (agent.quota()["limits"]["payment_backed_remaining_credits"], grants(agent)) == (623, 1)
    assert (opened(house, attempt), unexplained(house, attempt)) == ([], [])
    check_book(house)


def test_what_is_topped_up_to_the_exact_sum_is_granted_as_paid_when_an_operator_credits_it(
    house: House, agent: Caller
) -> None:
    attempt = agent.buy(agent.quote())
    send(house, attempt, 4_000_000)
    short = seen(house, agent, attempt)
    send(house, attempt, 1_000_000)
    exact = seen(house, agent, attempt)
    [line] = opened(house, attempt)

    with house.sessions() as session:
        done = resolutions.credit(session, decide(house, line), now=house.time())
    house.devnet.mine(FINAL_BLOCKS)
    status = seen(house, agent, attempt)

    assert (short["state"], short["payment_attempt"]["exception"]["kind"]) == ("needs_review", "underpaid")
    assert (exact["payment_attempt"]["exception"]["kind"], line.difference) == ("topped_up", Amount(0, USDC))
    assert (done.cents, done.dust) == (Amount(500, USD), Amount(0, USDC))
    assert (status["state"], status["receipt"]["credits_granted"]) == ("succeeded", 500)
    assert (status["payment_attempt"]["exception"], grants(agent)) == (None, 1)
    assert unexplained(house, attempt) == []


def test_what_comes_late_by_the_blocks_time_waits_and_can_be_written_off(house: House, agent: Caller) -> None:
    house.time.ahead = timedelta(hours=-2)
    attempt = agent.buy(agent.quote())
    with house.sessions() as session:
        row = session.exec(
            select(PaymentAttempt).where(PaymentAttempt.payment_attempt_id == attempt["payment_attempt_id"])
        ).one()
    house.time.ahead = timedelta()
    house.twin.expire_deposit(str(row.reference))
    send(house, attempt, 5_000_000)
    house.devnet.mine(FINAL_BLOCKS)
    verifying = seen(house, agent, attempt)
    house.time.ahead = timedelta(minutes=16)
    waiting = seen(house, agent, attempt)
    [line] = opened(house, attempt)

    with house.sessions() as session:
        done = resolutions.write_off(session, decide(house, line), now=house.time())
    ended = seen(house, agent, attempt)

    assert (verifying["state"], waiting["state"], ended["state"]) == ("processing", "needs_review", "expired")
    assert (line.item.kind, line.item.late, done.cents) == ("late", True, Amount(500, USD))
    assert (ended["receipt"], grants(agent)) == (None, 0)
    assert (opened(house, attempt), unexplained(house, attempt)) == ([], [])
    check_book(house)


def test_an_underpayment_that_a_reorganisation_takes_back_ends_by_itself(house: House, agent: Caller) -> None:
    attempt = agent.buy(agent.quote())
    send(house, attempt, 4_000_000)
    short = seen(house, agent, attempt)
    [line] = opened(house, attempt)

    house.devnet.reorg(1)
    house.devnet.mine(2)
    status = seen(house, agent, attempt)

    house.time.ahead = timedelta(minutes=16)
    house.devnet.mine()
    later = seen(house, agent, attempt)

    assert (short["state"], line.item.kind) == ("needs_review", "underpaid")
    # It may come back in the next blocks: nobody is told to pay before that is over.
    assert (status["state"], later["state"], opened(house, attempt)) == ("processing", "action_required", [])


def test_another_token_at_the_address_is_an_exception_and_the_purchase_can_still_be_paid(
    house: House, agent: Caller
) -> None:
    attempt = agent.buy(agent.quote())
    address = attempt["stripe_x402"]["payable_instructions"]["deposit_address"]
    house.devnet.call("anvil_setCode", USDBC, contract().runtime)
    # mint(address,uint256), as the test token has it.
    house.devnet.send(PAYER, USDBC, f"0x40c10f19{int(address, 16):064x}{7_000_000:064x}")
    head = house.devnet.mine(FINAL_BLOCKS)
    house.look(attempt["payment_attempt_id"])
    now = datetime.now(UTC)
    scanner.rescan(
        *(house.sessions, house.rpc, StoryWatch(now)),
        token=USDBC,
        from_block=head - FINAL_BLOCKS,
        to_block=head,
        now=now,
    )
    house.devnet.mine()
    status = seen(house, agent, attempt)
    before = unexplained(house, attempt)
    house.pay(attempt)
    paid = house.settle(agent, attempt)

    [line] = opened(house, attempt)
    assert (status["state"], status["payment_attempt"]["exception"]["kind"]) == (
        "action_required",
        "wrong_token",
    )
    assert (line.item.asset, line.received.units) == (USDBC, 7_000_000)
    assert (paid["receipt"]["credits_granted"], before, unexplained(house, attempt)) == (500, [], [])


def test_the_exact_payment_at_stripe_and_another_beside_it_make_a_surplus_that_is_credited(
    house: House, agent: Caller
) -> None:
    attempt = agent.buy(agent.quote())
    house.pay(attempt)
    house.settle(agent, attempt)
    send(house, attempt, 2_500_001)
    house.devnet.mine(FINAL_BLOCKS)
    beside = seen(house, agent, attempt)
    [line] = opened(house, attempt)

    with house.sessions() as session:
        done = resolutions.credit(session, decide(house, line), now=house.time())
    status = eventually(lambda: seen(house, agent, attempt))

    assert (beside["state"], beside["payment_attempt"]["exception"]["kind"]) == ("succeeded", "several")
    assert (done.cents, done.dust) == (Amount(250, USD), Amount(1, USDC))
    assert (status["receipt"]["credits_granted"], status["payment_attempt"]["exception"]) == (500, None)
    assert agent.quota()["limits"]["payment_backed_remaining_credits"] == 750
    assert unexplained(house, attempt) == []
    check_book(house)
