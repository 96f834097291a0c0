"""What Stripe's refunds, disputes and warnings mean, the cases included that no twin plays."""

import pytest
import stripe

from ledger.money import USD, Amount
from rails.rail import ReversalState
from rails.stripe import reversals


def dispute(status: str, *moves: int) -> stripe.Dispute:
    """A dispute of a charge of five dollars, with these movements of the balance."""
    return stripe.Dispute.construct_from(
        {
            "id": "du_1",
            "amount": 500,
            "charge": "ch_1",
            "status": status,
            "reason": "fraudulent",
            "balance_transactions": [{"id": f"txn_{at}", "amount": moved} for at, moved in enumerate(moves)],
        },
        None,
    )


def refund(status: str, **more: object) -> stripe.Refund:
    known = dict.fromkeys(
        ("pending_reason", "failure_reason", "balance_transaction", "failure_balance_transaction", "metadata")
    )
    return stripe.Refund.construct_from(
        {"id": "re_1", "amount": 500, "charge": "ch_1", "status": status, **known, **more}, None
    )


@pytest.mark.parametrize(
    ("status", "moves", "state", "cents"),
    [
        ("needs_response", (), "pending", 500),
        ("needs_response", (-500,), "gone", 500),
        ("under_review", (-500,), "gone", 500),
        ("won", (-500, 500), "back", 500),
        ("won", (), "void", 500),
        ("lost", (-500,), "gone", 500),
        ("lost", (), "pending", 500),
        ("won", (-500, 300), "gone", 200),
        ("appeal_needs_response", (-500, 500, -500), "gone", 500),
        ("appeal_under_review", (-500,), "gone", 500),
        ("warning_needs_response", (), "pending", 500),
        ("warning_closed", (), "void", 500),
        ("prevented", (), "void", 500),
        ("of_a_later_version", (), "pending", 500),
    ],
)
def test_the_money_of_a_dispute_tells_what_has_left(
    status: str, moves: tuple[int, ...], state: ReversalState, cents: int
) -> None:
    said = reversals.of_dispute(dispute(status, *moves))

    assert (said.state, said.amount) == (state, Amount(cents, USD))


@pytest.mark.parametrize(
    ("status", "suspicious"),
    [
        *((each, True) for each in ("needs_response", "under_review", "lost", "appeal_under_review")),
        *((each, False) for each in ("won", "prevented", "warning_needs_response", "warning_closed")),
    ],
)
def test_a_dispute_is_suspicious_unless_it_only_asks_or_is_over(status: str, suspicious: bool) -> None:
    assert reversals.of_dispute(dispute(status)).suspicious is suspicious


@pytest.mark.parametrize(
    ("status", "returned", "state"),
    [
        ("pending", None, "pending"),
        ("requires_action", None, "pending"),
        ("succeeded", None, "gone"),
        ("failed", None, "void"),
        ("failed", "txn_2", "back"),
        ("canceled", None, "void"),
        ("canceled", "txn_2", "back"),
        ("of_a_later_version", None, "pending"),
    ],
)
def test_a_refund_has_left_when_it_succeeded(status: str, returned: str | None, state: ReversalState) -> None:
    said = reversals.of_refund(refund(status, failure_balance_transaction=returned))

    assert said.state == state


def test_a_refund_tells_whose_it_is_and_of_how_much() -> None:
    charge = stripe.Charge.construct_from({"id": "ch_1", "object": "charge", "amount": 540}, None)

    said = reversals.of_refund(refund("succeeded", metadata={"refund_id": "refund_1"}, charge=charge))

    assert (said.refund_id, said.charged) == ("refund_1", Amount(540, USD))
