"""What a Checkout Session says of a payment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.money import USD, Amount
from rails.rail import Failed, NeedsReview, Outcome, Paid, Pending, Processing
from rails.stripe_checkout.judgement import Visit, judge

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPEN = Visit(
    reference="cs_test_1",
    status="open",
    payment_status="unpaid",
    belongs_to="payatt_1",
    currency="usd",
    subtotal=500,
    discount=0,
    tax=0,
    total=500,
    takes_codes=False,
    expires_at=NOON + timedelta(hours=1),
)
UNPAID = replace(OPEN, status="complete", intent_id="pi_1", intent_status="processing")
PAID = replace(UNPAID, payment_status="paid", intent_status="succeeded")
HALF = replace(PAID, takes_codes=True, discount=250, total=250)
FREE = replace(
    PAID,
    payment_status="no_payment_required",
    takes_codes=True,
    discount=500,
    total=0,
    intent_id=None,
    intent_status=None,
)


def judged(visit: Visit, *, now: datetime = NOON) -> Outcome:
    return judge(visit, payment_attempt_id="payatt_1", price=Amount(500, USD), now=now)


def test_an_open_session_is_pending_whatever_the_time() -> None:
    assert judged(OPEN) == Pending()
    assert judged(OPEN, now=NOON + timedelta(days=1)) == Pending()


def test_a_paid_session_is_paid_and_names_its_payment_intent_and_every_part_of_its_total() -> None:
    outcome = judged(PAID)

    assert isinstance(outcome, Paid)
    assert outcome.received == Amount(500, USD)
    assert outcome.evidence[0].detail == {
        "payment_status": "paid",
        "payment_intent_id": "pi_1",
        "subtotal_cents": 500,
        "discount_cents": 0,
        "tax_cents": 0,
        "amount_total_cents": 500,
        "currency": "usd",
    }


def test_a_discount_lowers_what_was_received() -> None:
    outcome = judged(HALF)

    assert isinstance(outcome, Paid)
    assert outcome.received == Amount(250, USD)


def test_a_code_of_a_hundred_percent_is_paid_with_nothing_and_without_a_payment_intent() -> None:
    outcome = judged(FREE)

    assert isinstance(outcome, Paid)
    assert outcome.received == Amount(0, USD)
    assert outcome.evidence[0].detail["payment_intent_id"] is None


@pytest.mark.parametrize("visit", [HALF, FREE])
def test_a_discount_that_the_session_did_not_offer_waits_for_a_person(visit: Visit) -> None:
    outcome = judged(replace(visit, takes_codes=False))

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == "mismatch"


def test_tax_is_kept_apart_from_what_was_received() -> None:
    with_tax = replace(HALF, tax=22, total=272)

    outcome = judged(with_tax)

    assert isinstance(outcome, Paid)
    assert outcome.received == Amount(250, USD)
    assert (outcome.evidence[0].detail["tax_cents"], outcome.evidence[0].detail["amount_total_cents"]) == (
        22,
        272,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"subtotal": 499, "total": 499},
        {"currency": "eur"},
        {"currency": None},
        {"belongs_to": "payatt_2"},
        {"belongs_to": None},
        {"total": 499},
        {"total": 0},
        {"payment_status": "no_payment_required"},
        {"payment_status": "something_new"},
    ],
)
def test_a_session_that_is_not_what_was_asked_for_waits_for_a_person(
    wrong: dict[str, str | int | None],
) -> None:
    outcome = judged(replace(PAID, **wrong))  # type: ignore[arg-type]

    assert isinstance(outcome, NeedsReview)
    assert outcome.kind == "mismatch"


def test_of_a_session_that_is_not_what_was_asked_for_only_what_came_counts() -> None:
    unasked = replace(PAID, discount=100, tax=22, total=422)

    dollars, euros = judged(unasked), judged(replace(unasked, currency="eur"))

    assert isinstance(dollars, NeedsReview)
    assert isinstance(euros, NeedsReview)
    assert (dollars.expected, dollars.received) == (Amount(500, USD), Amount(400, USD))
    assert euros.received == Amount(0, USD)


@pytest.mark.parametrize("status", ["processing", "requires_action", None])
def test_a_delayed_payment_is_processing_until_its_bank_has_spoken(status: str | None) -> None:
    assert isinstance(judged(replace(UNPAID, intent_status=status)), Processing)


@pytest.mark.parametrize("status", ["requires_payment_method", "canceled"])
def test_a_delayed_payment_that_its_bank_refused_is_declined(status: str) -> None:
    outcome = judged(replace(UNPAID, intent_status=status))

    assert isinstance(outcome, Failed)
    assert outcome.reason == "declined"


def test_a_session_that_ends_at_its_time_has_expired_and_one_that_ends_before_was_canceled() -> None:
    ended = replace(OPEN, status="expired")

    before, after = judged(ended), judged(ended, now=ended.expires_at)

    assert isinstance(before, Failed)
    assert isinstance(after, Failed)
    assert (before.reason, after.reason) == ("canceled", "expired")
