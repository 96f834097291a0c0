"""One purchase, as it is explained: every sum, every witness, every event with who or what did it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ledger.database import Sessions
from ledger.money import CREDIT, USD, USDC, Amount
from office import notes, purchase_case, purchase_desk, purchases
from office.actor import Actor
from office.errors import NeedsApproval, SayWhy
from office.proposals import alone
from office.proposals import settings as proposal_settings
from office.purchase_case import Case
from office.purchases import Wanted
from rails import errors, resolutions
from rails.rail import Rails
from rails.resolutions import Decision
from tests.office.market import MINUTE, WALLET, Market
from tests.office.walks import asked
from tests.reconciliation.world import AGENT, DAY, HOUR, NOON

ANN = Actor("operator:ann@example.invalid", role="finance", via="console")


@pytest.fixture
def market(sessions: Sessions) -> Market:
    return Market(sessions)


def rails_of(market: Market) -> Rails:
    rails = (market.shop.deposit, market.shop.page, market.shared)
    return {rail.rail_id: rail for rail in rails}


def case_of(market: Market, attempt_id: str, *, at: timedelta = HOUR) -> Case:
    with market.sessions() as session:
        return purchase_case.case(session, attempt_id, rails=rails_of(market), now=NOON + at)


def paid_on_chain(market: Market) -> str:
    """A purchase whose transfer the watcher saw, and which was granted."""
    attempt_id = market.shop.buy(market.shop.deposit)
    market.transfer(attempt_id, 1)
    market.shop.deposit.pay(market.shop.reference(attempt_id))
    assert market.settle(market.shop.deposit, attempt_id) == "succeeded"
    return attempt_id


def whats(case: Case) -> list[str]:
    return [event.what for event in case.events]


def test_a_purchase_is_told_from_the_quote_to_the_grant_with_who_did_it(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    market.notice("evt_1", "payment_intent.succeeded", market.shop.reference(attempt_id), attempt_id)
    market.notice("evt_2", "payment_intent.succeeded", "pi_of_another", "payatt_of_another")

    told = [(event.what, event.by) for event in case_of(market, attempt_id, at=10 * MINUTE).events]

    assert told[:2] == [("quote.made", f"agent:{AGENT}"), ("attempt.opened", f"agent:{AGENT}")]
    assert told.count(("notice.received", "webhook:stripe")) == 1
    assert ("transfer.sent", f"wallet {WALLET}") in told
    assert [by for what, by in told if what in ("transfer.seen", "transfer.confirmed")] == [
        "chain watcher"
    ] * 2
    assert ("credits.granted", "rail:fake_deposit") in told
    assert told.index(("transfer.confirmed", "chain watcher")) < told.index(
        ("credits.granted", "rail:fake_deposit")
    )


def test_events_stand_in_order_of_time(market: Market) -> None:
    case = case_of(market, paid_on_chain(market), at=DAY)

    assert [event.at for event in case.events] == sorted(event.at for event in case.events)
    assert whats(case)[-1] == "attempt.time_over"


def test_what_was_asked_for_what_came_and_what_was_granted_stand_beside_each_other(market: Market) -> None:
    amounts = case_of(market, paid_on_chain(market)).amounts

    assert (amounts.price, amounts.asked) == (Amount(500, USD), Amount(5_000_000, USDC))
    assert (amounts.on_chain, amounts.received) == (Amount(5_000_000, USDC), Amount(500, USD))
    assert (amounts.granted, amounts.refundable) == (Amount(500, CREDIT), Amount(500, USD))


def test_both_witnesses_are_heard_and_compared(market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    silent = case_of(market, attempt_id).witnesses
    market.shop.deposit.pay(market.shop.reference(attempt_id))
    market.settle(market.shop.deposit, attempt_id)

    agreed = case_of(market, attempt_id).witnesses

    assert (silent.verdict, [each.says for each in silent.of]) == ("silent", ["has not spoken"] * 2)
    assert agreed.verdict == "agree"
    assert {each.source: each.paid for each in agreed.of} == {"stripe": True, "chain": True}


def test_witnesses_that_contradict_each_other_are_shown_as_such(market: Market) -> None:
    assert case_of(market, market.underpay()).witnesses.verdict == "differ"


def test_a_witness_that_is_late_is_waited_for(market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    market.shop.deposit.silent = frozenset({"chain"})
    market.shop.deposit.pay(market.shop.reference(attempt_id))
    market.settle(market.shop.deposit, attempt_id)

    assert case_of(market, attempt_id).witnesses.verdict == "one is silent"


def test_every_transaction_stands_with_its_legs_and_sums_to_zero(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    market.refund(market.shop.deposit, attempt_id, 200)

    grant, taken = case_of(market, attempt_id).transactions

    legs = {leg.account: (leg.debit, leg.credit) for leg in grant.legs}
    assert legs[f"agent:{AGENT}"] == (None, Amount(500, CREDIT))
    assert legs["issued"] == (Amount(500, CREDIT), None)
    assert legs["clearing:fake_deposit"] == (Amount(500, USD), None)
    assert legs["prepaid_liability"] == (None, Amount(500, USD))
    assert (grant.balances, taken.balances) == (True, True)
    assert (taken.kind, taken.actor) == ("refund", "rail:fake_deposit")


def test_lots_tell_which_jobs_used_them_and_what_is_left(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    market.spend("render", 120)
    market.hold("video", 50, captured=30)
    market.refund(market.shop.deposit, attempt_id, 100, at=20 * MINUTE)

    [lot] = case_of(market, attempt_id).lots

    used = {change.job: change.credits for change in lot.changes if change.what == "spent"}
    assert used == {"job_render": Amount(-120, CREDIT), "job_video": Amount(-30, CREDIT)}
    assert (lot.spent, lot.taken_back, lot.left) == (
        Amount(150, CREDIT),
        Amount(100, CREDIT),
        Amount(250, CREDIT),
    )
    assert lot.reconciles


def test_a_refund_is_told_with_who_asked_and_what_left(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    market.refund(market.shop.deposit, attempt_id, 200)

    case = case_of(market, attempt_id)

    told = {event.what: event for event in case.events}
    assert (told["refund.asked"].by, told["refund.asked"].side) == (
        "operator:ann@example.invalid",
        "operator",
    )
    assert told["refund.accepted"].side == "processor"
    assert told["reversal.gone"].amount == Amount(200, USD)
    assert told["credits.taken_back"].amount == Amount(-200, CREDIT)
    assert (case.amounts.refunded, case.amounts.refundable) == (Amount(200, USD), Amount(300, USD))


def test_a_dispute_that_is_won_is_told_in_both_directions(market: Market) -> None:
    attempt_id = market.shop.grant(market.shop.page)
    reference = market.shop.reference(attempt_id)
    market.shop.page.dispute(reference, "du_1", 500)
    market.look_back(market.shop.page, attempt_id)
    market.shop.page.turn(reference, "du_1", "back")
    market.look_back(market.shop.page, attempt_id, at=8 * MINUTE)

    case = case_of(market, attempt_id)

    assert [what for what in whats(case) if what.startswith(("reversal", "credits"))] == [
        *("credits.granted", "reversal.gone", "reversal.back", "credits.taken_back", "credits.given_again"),
    ]
    assert case.amounts.disputed == Amount(0, USD)


def test_an_exception_is_told_with_what_was_decided_and_by_whom(market: Market) -> None:
    attempt_id = market.underpay()
    [waiting] = case_of(market, attempt_id).open_exceptions
    with market.sessions() as session:
        decision = Decision(
            waiting.exception_id, ANN.name, "the agent is fine with it", Amount(4_000_000, USDC)
        )
        resolutions.credit(session, decision, now=NOON + HOUR)

    case = case_of(market, attempt_id, at=2 * HOUR)

    decided = next(event for event in case.events if event.what == "exception.credit")
    assert (waiting.kind, decided.by, decided.amount) == ("underpaid", ANN.name, Amount(400, USD))
    assert "the agent is fine with it" in decided.said
    assert case.open_exceptions == ()
    assert [lot.granted for lot in case.lots] == [Amount(400, CREDIT)]


def test_a_transfer_to_an_agents_own_address_is_told_with_its_claim(market: Market) -> None:
    market.own_address()
    attempt_id = market.buy_at_agents_address("1")
    market.transfer(attempt_id, 1)
    market.claim(attempt_id)
    market.transfer(attempt_id, 2, cents=7)

    case = case_of(market, attempt_id)

    assert [transfer.amount for transfer in case.transfers] == [Amount(5_000_000, USDC)]
    assert "claim.made" in whats(case)


def test_of_two_transfers_in_one_transaction_each_purchase_shows_its_own(market: Market) -> None:
    market.own_address()
    bought = [market.buy_at_agents_address(key) for key in ("1", "2")]
    for log in (0, 1):
        market.transfer(bought[0], 1, log=log)
    for attempt_id in bought:
        market.claim(attempt_id)

    shown = [[each.log_index for each in case_of(market, each_id).transfers] for each_id in bought]

    assert sorted(shown) == [[0], [1]]


def test_an_orphaned_transfer_and_another_token_are_told_and_never_counted(market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    market.transfer(attempt_id, 1, state="orphaned")

    case = case_of(market, attempt_id)

    assert "transfer.orphaned" in whats(case)
    assert case.amounts.on_chain == Amount(0, USDC)


def test_the_processors_books_and_the_comparison_with_them_are_told(market: Market) -> None:
    attempt_id = market.shop.grant(market.shop.page)
    market.shop.charge(attempt_id)
    market.shop.reconcile(at=NOON + HOUR)

    case = case_of(market, attempt_id, at=2 * HOUR)

    moved = next(event for event in case.events if event.what == "processor.moved")
    assert (moved.amount, moved.page is not None) == (Amount(500, USD), True)
    assert "reconciliation" in whats(case)


def test_what_the_processor_sent_is_shown_without_secrets_and_people(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    sent = {
        "id": "pi_1",
        "client_secret": "pi_1_secret_abcdefgh",
        "receipt_email": "ann@example.invalid",
        "note": "sk_live_abcdefghijklmnop",
        "amount": 500,
    }
    market.notice("evt_1", "payment_intent.succeeded", attempt_id, body=json.dumps(sent).encode())

    [raw] = case_of(market, attempt_id).raw

    assert '"amount": 500' in raw.body
    for hidden in ("secret_abc", "ann@", "sk_live"):
        assert hidden not in raw.body


def test_nobody_is_asked_for_a_purchase_that_there_is_none_of(market: Market) -> None:
    with pytest.raises(errors.PurchaseNotFound):
        case_of(market, "payatt_none")


# What may be done


def test_what_may_be_done_follows_the_state(market: Market) -> None:
    is_open = case_of(market, market.shop.buy(market.shop.deposit))
    is_paid = case_of(market, paid_on_chain(market))

    assert [each.doing for each in is_open.possible if each.allowed] == ["look", "cancel"]
    assert [each.doing for each in is_paid.possible if each.allowed] == ["look", "refund"]
    assert is_paid.may("cancel").why == "it is succeeded"


def test_a_look_grants_what_was_paid_and_is_on_record(market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    market.shop.deposit.pay(market.shop.reference(attempt_id))

    looked = purchase_desk.look(market.sessions, rails_of(market), attempt_id, by=ANN, now=NOON + 5 * MINUTE)

    assert (looked.before, looked.state, looked.granted) == ("requires_action", "succeeded", True)
    audited = [
        (event.what, event.by) for event in case_of(market, attempt_id).events if event.side == "operator"
    ]
    assert audited == [("office.purchase.look", ANN.name)] * 2


def test_a_payment_that_nobody_made_is_closed_for_a_reason(market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)

    done = purchase_desk.cancel(
        market.sessions, rails_of(market), attempt_id, reason="asked for twice", by=ANN, now=NOON + MINUTE
    )

    assert (done.state, done.refusal) == ("canceled", None)
    assert "asked for twice" in (market.attempt(attempt_id).reason or "")


def test_nothing_is_closed_or_given_back_without_a_reason(market: Market) -> None:
    attempt_id = paid_on_chain(market)

    with pytest.raises(SayWhy):
        purchase_desk.cancel(
            market.sessions, rails_of(market), attempt_id, reason="  ", by=ANN, now=NOON + MINUTE
        )
    with pytest.raises(SayWhy):
        give_back(market, attempt_id, 100, reason=" ")
    assert case_of(market, attempt_id).refunds == ()


def give_back(
    market: Market, attempt_id: str, cents: int | None, *, key: str = "k1", reason: str = "the agent asked"
) -> str:
    amount = Amount(cents, USD) if cents is not None else None
    return purchase_desk.refund(
        market.sessions,
        rails_of(market),
        attempt_id,
        amount=amount,
        reason=reason,
        key=key,
        by=ANN,
        now=NOON + 30 * MINUTE,
    ).state


def test_a_form_that_is_sent_twice_gives_back_once(market: Market) -> None:
    attempt_id = paid_on_chain(market)

    assert [give_back(market, attempt_id, 100), give_back(market, attempt_id, 100)] == ["done", "done"]
    assert case_of(market, attempt_id).amounts.refunded == Amount(100, USD)


def test_more_than_one_may_give_away_alone_takes_two(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    few = proposal_settings.ProposalSettings(alone_most_cents=250)
    monkeypatch.setattr(alone, "proposals", lambda: few)
    attempt_id = paid_on_chain(market)

    assert give_back(market, attempt_id, 200) == "done"
    with pytest.raises(NeedsApproval):
        give_back(market, attempt_id, 100, key="k2")
    with pytest.raises(NeedsApproval):
        give_back(market, attempt_id, None, key="k3")
    assert give_back(market, attempt_id, 50, key="k4") == "done"
    assert case_of(market, attempt_id).amounts.refunded == Amount(250, USD)


def test_a_refund_that_the_processor_refuses_is_said_and_on_record(market: Market) -> None:
    attempt_id = paid_on_chain(market)
    market.shop.deposit.refunds_refused = "charge_disputed"

    with pytest.raises(errors.RailRefused):
        give_back(market, attempt_id, 100)

    case = case_of(market, attempt_id)
    assert [each.state for each in case.refunds] == ["failed"]
    assert any("refund create failed" in event.said for event in case.events)


# The list


def test_purchases_are_listed_newest_first_a_page_at_a_time(market: Market) -> None:
    bought = [market.shop.buy(market.shop.deposit, at=NOON + number * MINUTE) for number in range(5)]

    with market.sessions() as session:
        first = purchases.listed(session, Wanted(), limit=3)
        second = purchases.listed(session, Wanted(), after=first.more, limit=3)

    assert [line.payment_attempt_id for line in (*first.lines, *second.lines)] == bought[::-1]
    assert second.more is None


def test_purchases_opened_at_one_moment_are_all_listed_once(market: Market) -> None:
    bought = {market.shop.buy(market.shop.deposit) for _ in range(4)}

    with market.sessions() as session:
        first = purchases.listed(session, Wanted(), limit=2)
        second = purchases.listed(session, Wanted(), after=first.more, limit=2)

    assert {line.payment_attempt_id for line in (*first.lines, *second.lines)} == bought


def test_only_what_is_wanted_is_listed(market: Market) -> None:
    paid, page = paid_on_chain(market), market.shop.buy(market.shop.page)
    other = market.buy_at_agents_address("1")
    later = market.shop.buy(market.shop.page, at=NOON + DAY)

    def ids(wanted: Wanted) -> set[str]:
        with market.sessions() as session:
            return {line.payment_attempt_id for line in purchases.listed(session, wanted).lines}

    assert ids(Wanted(state="succeeded")) == {paid}
    assert ids(Wanted(rail_id="fake_page")) == {page, later}
    assert ids(Wanted(agent_id=market.buyer)) == {other}
    assert ids(Wanted(day=NOON.date())) == {paid, page, other}
    assert ids(Wanted(rail_id="fake_page", state="requires_action", day=NOON.date())) == {page}


# However much was sold


def test_no_page_about_purchases_walks_over_a_table(
    market: Market, engine: Engine, database_url: str
) -> None:
    attempt_id = paid_on_chain(market)
    market.notice("evt_1", "payment_intent.succeeded", attempt_id)
    market.spend("render", 3)
    market.refund(market.shop.deposit, attempt_id, 100, at=20 * MINUTE)
    market.own_address()
    shared = market.buy_at_agents_address("1")
    market.transfer(shared, 2)
    market.claim(shared)
    underpaid = market.underpay()
    with market.sessions() as session:
        notes.write(session, about=("purchase", attempt_id), said="looked at it", by=ANN, now=NOON)

    with asked(engine) as statements:
        for each in (attempt_id, shared, underpaid):
            case_of(market, each)
        with market.sessions() as session:
            for wanted in (
                Wanted(),
                Wanted(state="succeeded"),
                Wanted(rail_id="fake_page"),
                Wanted(rail_id="fake_page", state="failed"),
                Wanted(agent_id=AGENT),
                Wanted(day=NOON.date()),
            ):
                found = purchases.listed(session, wanted, limit=1)
                purchases.listed(session, wanted, after=found.more, limit=1)

    assert len(statements.statements) > 50
    assert statements.walks(database_url) == []
