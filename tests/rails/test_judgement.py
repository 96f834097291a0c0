"""What Stripe and the chain together say of a deposit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.money import USD, USDC, Amount
from rails.chain.deposits import DepositView, OtherToken
from rails.rail import Failed, NeedsReview, Outcome, Paid, Pending, Processing
from rails.stripe_x402.judgement import Case, Intent, judge, too_early, without_stripe

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GRACE = timedelta(minutes=15)
EXPECTED = 5_000_000
WAITING = Intent("pi_1", "requires_action")
SETTLED = Intent(
    "pi_1",
    "succeeded",
    settled_at=NOON - timedelta(seconds=5),
    transaction_hash="0xa",
    received=Amount(500, USD),
)
SETTLED_LONG_AGO = replace(SETTLED, settled_at=NOON - timedelta(hours=1))


def deposit(
    units: int = EXPECTED, *, state: str = "confirmed", log_index: int = 0, at: datetime = NOON
) -> DepositView:
    return DepositView(
        amount=Amount(units, USDC),
        state=state,
        chain_id=8453,
        tx_hash="0xa",
        log_index=log_index,
        block_number=100,
        block_hash="0xb",
        block_time=at,
        sender="0xc",
        first_seen_at=at,
        confirmed_at=None if state == "seen" else at,
        final_at=None,
        orphaned_at=None,
        confirmations=2,
        confirmations_needed=2,
    )


def case(intent: Intent, *deposits: DepositView, chain_read_at: datetime | None = NOON) -> Case:
    return Case(
        price=Amount(500, USD),
        expected=Amount(EXPECTED, USDC),
        intent=intent,
        deposits=deposits,
        chain_read_at=chain_read_at,
        grace=GRACE,
        now=NOON,
    )


ENDS = NOON + timedelta(hours=1)
WATCHED_UNTIL = ENDS + timedelta(days=30)
CANCELED = replace(
    WAITING, status="canceled", cancellation_reason="abandoned", canceled_at=NOON + timedelta(minutes=30)
)
EXPIRED = replace(CANCELED, cancellation_reason="expired")


def foreign(token: str, units: int, *, state: str = "confirmed", log_index: int = 0) -> OtherToken:
    return OtherToken(
        token=token,
        units=units,
        address="0xd",
        state=state,
        chain_id=8453,
        tx_hash="0xa",
        log_index=log_index,
        block_number=100,
        block_hash="0xb",
        block_time=NOON,
        sender="0xc",
        first_seen_at=NOON,
    )


def judged(intent: Intent, *deposits: DepositView, chain_read_at: datetime | None = NOON) -> Outcome:
    return judge(case(intent, *deposits, chain_read_at=chain_read_at))


@pytest.mark.parametrize("state", ["confirmed", "final"])
def test_both_witnesses_together_are_paid_and_both_are_named(state: str) -> None:
    outcome = judged(SETTLED, deposit(state=state))

    assert isinstance(outcome, Paid)
    assert (outcome.received, outcome.review) == (Amount(500, USD), None)
    assert [said.source for said in outcome.evidence] == ["stripe", "chain"]


@pytest.mark.parametrize("deposits", [(), (deposit(state="seen"),), (deposit(state="orphaned"),)])
def test_stripe_alone_does_not_grant_while_the_chain_can_be_read(deposits: tuple[DepositView, ...]) -> None:
    assert isinstance(judged(SETTLED, *deposits), Processing)


@pytest.mark.parametrize("units", [EXPECTED - 1, EXPECTED + 1])
def test_a_transfer_of_another_amount_is_no_second_witness(units: int) -> None:
    outcome = judged(SETTLED_LONG_AGO, deposit(units))

    assert isinstance(judged(SETTLED, deposit(units)), Processing)
    assert isinstance(outcome, NeedsReview)
    assert (outcome.kind, outcome.received) == ("unseen", Amount(units, USDC))


def test_the_chain_alone_never_grants() -> None:
    assert isinstance(judged(WAITING, deposit(state="final")), Processing)
    assert isinstance(judged(WAITING, deposit(state="seen")), Processing)


@pytest.mark.parametrize("read_at", [None, NOON - timedelta(minutes=16)])
def test_stripe_alone_grants_after_the_grace_if_nobody_can_read_the_chain(read_at: datetime | None) -> None:
    outcome = judged(SETTLED_LONG_AGO, chain_read_at=read_at)

    assert isinstance(outcome, Paid)
    assert [said.source for said in outcome.evidence] == ["stripe"]


def test_a_deposit_that_never_gets_deep_enough_does_not_hold_the_payer_up_for_ever() -> None:
    dead_node = judged(SETTLED_LONG_AGO, deposit(state="seen"), chain_read_at=NOON - timedelta(hours=1))
    no_safe_tag = judged(SETTLED_LONG_AGO, deposit(state="seen", at=NOON - timedelta(hours=1)))

    for outcome in (dead_node, no_safe_tag):
        assert isinstance(outcome, Paid)
        assert outcome.missing == ("chain",)


def test_dust_is_no_witness() -> None:
    outcome = judged(SETTLED_LONG_AGO, deposit(1, state="final"), chain_read_at=NOON - timedelta(hours=1))

    assert isinstance(outcome, Paid)
    assert outcome.missing == ("chain",)


@pytest.mark.parametrize("received", [None, Amount(499, USD), Amount(501, USD)])
def test_a_settlement_of_another_amount_or_attempt_needs_review(received: Amount | None) -> None:
    outcome = judged(replace(SETTLED, received=received), deposit())

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == "mismatch"


def test_a_deposit_that_was_taken_back_a_moment_ago_is_waited_for() -> None:
    orphan = replace(deposit(state="orphaned"), orphaned_at=NOON - timedelta(minutes=1))
    old = replace(orphan, orphaned_at=NOON - timedelta(minutes=16))

    assert isinstance(judged(WAITING, orphan), Processing)
    assert isinstance(judged(WAITING, old), Pending)


def test_while_stripe_does_not_answer_what_the_chain_shows_is_processing() -> None:
    arrived = without_stripe(case(WAITING, deposit()))
    coming = without_stripe(case(WAITING, deposit(state="seen")))
    nothing = without_stripe(case(WAITING, deposit(state="orphaned")))

    assert isinstance(arrived, Processing)
    assert isinstance(coming, Processing)
    assert nothing is None


def test_within_the_grace_stripe_alone_waits_even_if_nobody_can_read_the_chain() -> None:
    assert isinstance(judged(SETTLED, chain_read_at=None), Processing)


def test_stripe_settled_and_a_readable_chain_that_shows_nothing_needs_review() -> None:
    outcome = judged(SETTLED_LONG_AGO)

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == "unseen"


@pytest.mark.parametrize(
    ("units", "kind"),
    [((EXPECTED - 1,), "underpaid"), ((EXPECTED + 1,), "overpaid"), ((EXPECTED, EXPECTED), "several")],
)
def test_another_sum_than_the_exact_one_needs_review(units: tuple[int, ...], kind: str) -> None:
    deposits = [deposit(each, log_index=place) for place, each in enumerate(units)]

    outcome = judged(WAITING, *deposits)

    assert isinstance(outcome, NeedsReview)
    assert (outcome.kind, outcome.received) == (kind, Amount(sum(units), USDC))


def test_an_underpayment_is_no_alarm_before_it_is_confirmed() -> None:
    assert isinstance(judged(WAITING, deposit(EXPECTED - 1, state="seen")), Processing)


def test_the_exact_sum_in_two_transfers_is_not_what_stripe_can_match() -> None:
    outcome = judged(WAITING, deposit(2_000_000), deposit(3_000_000, log_index=1))

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == "topped_up"


def test_money_that_stripe_does_not_match_in_time_or_after_it_closed_needs_review() -> None:
    canceled = replace(WAITING, status="canceled", cancellation_reason="expired")

    late = judged(WAITING, deposit(at=NOON - timedelta(minutes=16)))
    closed = judged(canceled, deposit())

    assert isinstance(late, NeedsReview)
    assert isinstance(closed, NeedsReview)
    assert (late.kind, closed.kind) == ("unmatched", "unmatched")


def test_a_second_payment_beside_the_settled_one_is_paid_and_reviewed() -> None:
    outcome = judged(SETTLED, deposit(), deposit(log_index=1))

    assert isinstance(outcome, Paid)
    assert outcome.review is not None
    assert (outcome.review.kind, outcome.review.received.units) == ("several", 2 * EXPECTED)


def test_zero_value_transfers_are_spam() -> None:
    assert isinstance(judged(WAITING, deposit(0)), Pending)
    assert isinstance(judged(SETTLED, deposit(), deposit(0, log_index=1)), Paid)


@pytest.mark.parametrize(
    ("status", "reason", "failure"),
    [
        ("canceled", "expired", "expired"),
        ("canceled", "automatic", "expired"),
        ("canceled", "abandoned", "canceled"),
        ("requires_payment_method", None, "declined"),
    ],
)
def test_what_stripe_closed_without_money_has_failed(status: str, reason: str | None, failure: str) -> None:
    outcome = judged(replace(WAITING, status=status, cancellation_reason=reason))

    assert isinstance(outcome, Failed)
    assert outcome.reason == failure


def test_a_deposit_that_was_taken_back_leaves_the_payment_pending_with_the_orphan_on_record() -> None:
    outcome = judged(WAITING, deposit(state="orphaned"))

    assert isinstance(outcome, Pending)
    assert [said.state for said in outcome.evidence] == ["orphaned"]


@pytest.mark.parametrize(
    ("outcome", "read_minutes", "now_minutes", "early"),
    [
        (Pending(), 0, 59, False),
        (Pending(), 59, 60, True),
        (Pending(), 60, 60, False),
        (Pending(), 60, 74, False),
        (Pending(), 74, 75, True),
        (Pending(), 75, 75, False),
        (Failed("canceled"), 0, 74, False),
        (Failed("canceled"), 74, 75, True),
        (Failed("canceled"), 75, 76, False),
        (Processing(()), 0, 76, False),
        (Paid(Amount(500, USD), ()), 0, 76, False),
    ],
)
def test_that_nothing_came_is_believed_only_when_the_chain_was_read_that_far(
    outcome: Outcome, read_minutes: int, now_minutes: int, early: bool
) -> None:
    read_at, now = NOON + timedelta(minutes=read_minutes), NOON + timedelta(minutes=now_minutes)
    seen = replace(case(WAITING, chain_read_at=read_at), now=now)
    ends, lands_until = NOON + timedelta(minutes=60), NOON + timedelta(minutes=75)

    assert too_early(outcome, seen, ends=ends, lands_until=lands_until) is early
    if isinstance(outcome, Pending) and now_minutes == 60:
        blind = replace(seen, chain_read_at=None)
        assert too_early(outcome, blind, ends=ends, lands_until=lands_until)


@pytest.mark.parametrize(
    ("intent", "transfers", "kind"),
    [
        # Each transfer: how much, and how many minutes after noon its block was made.
        (WAITING, [(4_999_999, 1)], "underpaid"),
        (WAITING, [(5_000_001, 1)], "overpaid"),
        (WAITING, [(2_000_000, 1), (3_000_000, 2)], "topped_up"),
        (WAITING, [(2_000_000, 1), (3_000_001, 2)], "several"),
        (WAITING, [(2_000_000, 1), (2_000_000, 2)], "underpaid"),
        (WAITING, [(5_000_000, 60)], "unmatched"),
        (WAITING, [(5_000_000, 61)], "late"),
        (EXPIRED, [(5_000_000, 61)], "late"),
        (EXPIRED, [(5_000_000, 31)], "unmatched"),
        (CANCELED, [(5_000_000, 30)], "unmatched"),
        (CANCELED, [(5_000_000, 31)], "after_close"),
        (CANCELED, [(4_000_000, 31)], "after_close"),
        (WAITING, [(2_000_000, 1), (3_000_000, 61)], "topped_up"),
        (WAITING, [(5_000_000, 30 * 24 * 60)], "late"),
        (WAITING, [(5_000_000, 31 * 24 * 60)], "retired_address"),
        (CANCELED, [(1, 1), (1, 31 * 24 * 60)], "retired_address"),
    ],
)
def test_what_stands_on_the_chain_alone_has_one_kind(
    intent: Intent, transfers: list[tuple[int, int]], kind: str
) -> None:
    deposits = [
        deposit(units, state="final", log_index=place, at=NOON + timedelta(minutes=minutes))
        for place, (units, minutes) in enumerate(transfers)
    ]
    now = NOON + timedelta(days=40)
    seen = replace(
        case(intent, *deposits, chain_read_at=now), now=now, ends=ENDS, watched_until=WATCHED_UNTIL
    )

    outcome = judge(seen)

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == kind
    assert outcome.late == any(minutes > 60 for _, minutes in transfers)


def test_late_is_judged_by_the_blocks_time_and_not_by_when_somebody_looked() -> None:
    sent_in_time = replace(deposit(at=ENDS), first_seen_at=ENDS + timedelta(minutes=5))
    sent_late = deposit(at=ENDS + timedelta(seconds=1))
    now = ENDS + timedelta(hours=1)

    kinds = []
    for seen in (sent_in_time, sent_late):
        outcome = judge(replace(case(WAITING, seen, chain_read_at=now), now=now, ends=ENDS))
        assert isinstance(outcome, NeedsReview)
        kinds.append(outcome.kind)

    assert kinds == ["unmatched", "late"]


def test_a_late_payment_that_stripe_settles_is_paid() -> None:
    late = deposit(at=ENDS + timedelta(minutes=1))

    outcome = judge(replace(case(SETTLED, late), ends=ENDS, watched_until=ENDS))

    assert isinstance(outcome, Paid)
    assert outcome.review is None


def test_a_top_up_is_no_alarm_while_its_transfer_is_not_confirmed() -> None:
    outcome = judged(WAITING, deposit(4_000_000), deposit(1_000_000, state="seen", log_index=1))

    assert isinstance(outcome, Processing)


def test_how_much_of_it_is_final_is_told() -> None:
    outcome = judged(WAITING, deposit(4_000_000, state="final"), deposit(500_000, log_index=1))

    assert isinstance(outcome, NeedsReview)
    assert (outcome.received, outcome.final) == (Amount(4_500_000, USDC), Amount(4_000_000, USDC))


@pytest.mark.parametrize("intent", [WAITING, SETTLED, CANCELED])
def test_another_token_is_reviewed_beside_whatever_became_of_the_payment(intent: Intent) -> None:
    without = case(intent)
    tokens = [
        foreign("0x1", 70),
        foreign("0x1", 30, state="final", log_index=1),
        foreign("0x2", 5, log_index=2),
        foreign("0x3", 5, state="seen", log_index=3),
        foreign("0x4", 0, log_index=4),
    ]

    outcome = judge(replace(without, foreign=tokens))

    assert [(each.kind, each.received.asset.code, each.received.units) for each in outcome.beside] == [
        ("wrong_token", "0x1", 100),
        ("wrong_token", "0x2", 5),
    ]
    assert outcome.beside[0].final is not None
    assert outcome.beside[0].final.units == 30
    assert replace(outcome, beside=()) == judge(without)


def test_of_many_strange_tokens_only_the_first_are_told() -> None:
    outcome = judge(replace(case(WAITING), foreign=[foreign(f"0x{each}", 1) for each in range(50)]))

    assert len(outcome.beside) == 5
