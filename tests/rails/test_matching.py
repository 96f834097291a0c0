"""Which attempt of an agent a transfer to its address belongs to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ledger.money import USDC, Amount
from rails.awaiting import Awaiting, Standing
from rails.chain.deposits import DepositView
from rails.stripe_x402.matching import Match, Name, match, transfers

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(
    tx_hash: str, units: int = 5_000_000, *, block: int = 100, log_index: int = 0, state: str = "confirmed"
) -> DepositView:
    return DepositView(
        amount=Amount(units, USDC),
        state=state,
        chain_id=8453,
        tx_hash=tx_hash,
        log_index=log_index,
        block_number=block,
        block_hash=f"0x{block}",
        block_time=NOON,
        sender="0xc",
        first_seen_at=NOON,
        confirmed_at=NOON,
        final_at=None,
        orphaned_at=NOON if state == "orphaned" else None,
        confirmations=2,
        confirmations_needed=2,
    )


def awaited(name: str, units: int = 5_000_000, *, minute: int = 0, standing: Standing = "open") -> Awaiting:
    return Awaiting(name, Amount(units, USDC), NOON + timedelta(minutes=minute), standing)


def matched(
    rows: list[DepositView], awaiting: list[Awaiting], taken: set[str] | None = None
) -> list[tuple[str, str, bool]]:
    matches: list[Match] = match(transfers(rows), awaiting, taken=taken or set())
    return [(each.transfer.name.tx_hash, each.payment_attempt_id, each.pays) for each in matches]


def test_a_transfer_pays_the_oldest_attempt_of_exactly_its_amount() -> None:
    awaiting = [awaited("cheap", 1_000_000), awaited("old", minute=1), awaited("new", minute=2)]

    assert matched([row("0xa")], awaiting) == [("0xa", "old", True)]


def test_two_transfers_pay_two_attempts_of_one_price_in_chain_order() -> None:
    awaiting = [awaited("old"), awaited("new", minute=1)]

    found = matched([row("0xb", block=101), row("0xa", block=100)], awaiting)

    assert found == [("0xa", "old", True), ("0xb", "new", True)]


def test_an_attempt_is_paid_by_one_transfer_only_and_the_next_comes_beside_it() -> None:
    found = matched([row("0xa"), row("0xb", log_index=1)], [awaited("only")])

    assert found == [("0xa", "only", True), ("0xb", "only", False)]


def test_an_attempt_that_is_taken_is_paid_by_nothing_more() -> None:
    found = matched([row("0xb")], [awaited("paid"), awaited("open", minute=1)], taken={"paid"})

    assert found == [("0xb", "open", True)]


def test_a_wrong_amount_is_told_at_the_oldest_open_attempt() -> None:
    awaiting = [awaited("over", standing="over"), awaited("old", minute=1), awaited("new", minute=2)]

    assert matched([row("0xa", 4_999_999)], awaiting) == [("0xa", "old", False)]


def test_money_that_nobody_waits_for_is_told_at_the_newest_attempt() -> None:
    awaiting = [awaited("old", standing="settled"), awaited("new", minute=1, standing="settled")]

    assert matched([row("0xa")], awaiting) == [("0xa", "new", False)]


def test_a_late_transfer_pays_an_attempt_whose_time_is_up_but_never_before_an_open_one() -> None:
    over, opened = awaited("over", standing="over"), awaited("open", minute=1)

    assert matched([row("0xa")], [over]) == [("0xa", "over", True)]
    assert matched([row("0xa")], [over, opened]) == [("0xa", "open", True)]


def test_a_canceled_or_paid_attempt_is_paid_by_nothing() -> None:
    settled = awaited("settled", standing="settled")

    assert matched([row("0xa")], [settled]) == [("0xa", "settled", False)]


def test_what_lies_deep_is_matched_before_what_a_reorganisation_may_take_back() -> None:
    rows = [
        row("0xa", block=100, state="orphaned"),
        row("0xb", block=102),
        row("0xc", block=101, state="seen"),
    ]

    found = matched(rows, [awaited("old"), awaited("new", minute=1)])

    assert found == [("0xb", "old", True), ("0xc", "new", True), ("0xa", "new", False)]


def test_a_transfer_keeps_its_name_in_another_block_at_another_place() -> None:
    before = [row("0xa", block=100, log_index=7, state="orphaned"), row("0xa", 1, block=100, log_index=9)]
    after = [row("0xa", block=101, log_index=2), row("0xa", 1, block=101, log_index=3)]
    orphaned = [replace(each, state="orphaned", orphaned_at=NOON) for each in before]

    found = transfers([*orphaned, *after])

    assert [(each.name, each.latest.block_number) for each in found] == [
        (Name("0xa", 0), 101),
        (Name("0xa", 1), 101),
    ]


def test_two_transfers_of_one_transaction_are_two() -> None:
    found = matched(
        [row("0xa", log_index=3), row("0xa", log_index=4)], [awaited("old"), awaited("new", minute=1)]
    )

    assert found == [("0xa", "old", True), ("0xa", "new", True)]


def test_without_any_attempt_nothing_is_matched() -> None:
    assert matched([row("0xa")], []) == []
