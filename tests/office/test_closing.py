"""The close of a month by two people, over a real book, with all that can come late afterwards."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session, col, select, text

from ledger import periods, seals
from ledger.database import Sessions
from ledger.errors import NotClosable
from ledger.models import Transaction
from ledger.periods import Month
from office import closing
from office.actor import Actor
from office.closing import Draft
from office.models import AuditRow
from tests.reconciliation.world import DAY, HOUR, Shop

OCTOBER = periods.parse("2026-10")
SOLD = datetime(2026, 10, 20, 12, tzinfo=UTC)
# Late enough in October that the next run reads it again.
LATE = datetime(2026, 10, 31, 13, tzinfo=UTC)
CLOSING = datetime(2026, 11, 1, 9, tzinfo=UTC)
ANN = Actor("operator:ann@example.com", role="finance")
BEN = Actor("operator:ben@example.com", role="approver")


@pytest.fixture
def shop(sessions: Sessions) -> Shop:
    """A purchase of October that everybody agrees on."""
    made = Shop(sessions)
    attempt = made.grant(made.page, at=SOLD)
    made.charge(attempt, at=SOLD)
    made.reconcile(at=CLOSING - HOUR)
    return made


def attempt_of(shop: Shop) -> str:
    """The purchase of October."""
    return next(iter(shop.page.opened))


def prepare(shop: Shop, month: Month = OCTOBER, *, reason: str = "", now: datetime = CLOSING) -> Draft:
    """Ann's part."""
    return closing.prepare(shop.sessions, month, by=ANN, reason=reason, now=now)


def close(shop: Shop, month: Month = OCTOBER, *, reason: str = "", now: datetime = CLOSING) -> None:
    """Both parts."""
    draft = prepare(shop, month, reason=reason, now=now)
    with shop.sessions() as session:
        closing.confirm(session, draft.draft_id, by=BEN, now=now)


def newest(session: Session, kind: str) -> Transaction:
    """The newest transaction of a kind."""
    query = select(Transaction).where(Transaction.kind == kind).order_by(col(Transaction.id).desc()).limit(1)
    return session.exec(query).one()


def standings(shop: Shop, now: datetime = CLOSING) -> dict[str, str]:
    """Every check and how it stands."""
    return {each.name: each.standing for each in closing.preview(shop.sessions, OCTOBER, now=now).checks}


def test_the_report_tells_how_what_is_owed_changed_beside_what_stripe_says(shop: Shop) -> None:
    report = prepare(shop).report

    rolled = report["book"]["roll_forward"]
    assert rolled["opening"] == {"credits": 0, "cents": 0}
    assert [(each["what"], each["cents"]) for each in rolled["movements"]] == [("granted", 500)]
    assert rolled["closing"] == {"credits": 500, "cents": 500}
    held = {each["account"]: each["closing"] for each in report["book"]["accounts"]}
    assert held["processor:stripe"] == -report["witnesses"]["stripe"]["balance_cents"] == -455
    assert report["book"]["seal"]["number"] > 0
    assert report["book"]["contradictions"] == []


def test_a_close_is_prepared_by_one_and_confirmed_by_another(shop: Shop) -> None:
    draft = prepare(shop)
    with pytest.raises(NotClosable, match="another person"), shop.sessions() as session:
        closing.confirm(session, draft.draft_id, by=ANN, now=CLOSING)

    with shop.sessions() as session:
        closing.confirm(session, draft.draft_id, by=BEN, now=CLOSING)

    with shop.sessions() as session:
        closed = closing.of(session, OCTOBER)
        rows = session.exec(
            select(AuditRow).where(AuditRow.about_kind == "period").order_by(col(AuditRow.audit_id))
        ).all()
    assert closed is not None
    assert (closed.draft.prepared_by, closed.closed_by) == (ANN.name, BEN.name)
    assert [(row.action, row.outcome, row.actor) for row in rows] == [
        ("period.prepare", "asked", ANN.name),
        ("period.prepare", "done", ANN.name),
        ("period.close", "done", BEN.name),
    ]


def test_a_closed_month_gives_the_same_hash_whatever_comes_late(shop: Shop) -> None:
    close(shop)
    attempt = attempt_of(shop)
    shop.take_back(attempt, 500, at=LATE)
    shop.books.move(-500, kind="refund", at=LATE, charge=f"ch_{attempt}", source="re_1")
    shop.books.move(-20, kind="stripe_fee", at=LATE)
    shop.reconcile(at=CLOSING + DAY, whole=True)
    seals.seal_all(shop.sessions, now=CLOSING + DAY)

    verified = closing.verify(shop.sessions, OCTOBER)

    assert verified.agrees
    assert shop.book_is_sound()


def test_a_late_refund_of_a_closed_month_is_booked_in_the_open_one_and_keeps_its_time(shop: Shop) -> None:
    close(shop)
    attempt = attempt_of(shop)
    shop.take_back(attempt, 200, at=LATE)
    shop.books.move(-200, kind="refund", at=LATE, charge=f"ch_{attempt}", source="re_1")
    done = shop.reconcile(at=CLOSING + DAY, whole=True)

    with shop.sessions() as session:
        taken, settled = newest(session, "refund"), newest(session, "settlement_reversal")
        november = periods.read(session, OCTOBER.next)
    assert (taken.effective_at, settled.effective_at) == (OCTOBER.ends_at, OCTOBER.ends_at)
    assert taken.details["happened_at"] == settled.details["happened_at"] == "2026-10-31T13:00:00.000000Z"
    assert [(each.what, each.flow.cents.units) for each in november.movements] == [("reversed", -200)]
    assert done.breaks == 0
    assert shop.items(attempt, "reversal") == ["(matched)"]


def test_the_next_month_opens_where_the_closed_one_ended_and_names_its_hash(shop: Shop) -> None:
    close(shop, OCTOBER.previous, now=CLOSING)
    close(shop)

    with shop.sessions() as session:
        september, october = closing.of(session, OCTOBER.previous), closing.of(session, OCTOBER)
    assert september is not None
    assert october is not None
    assert october.draft.report["previous"] == september.draft.control_hash
    opening = october.draft.report["book"]["roll_forward"]["opening"]
    assert opening == september.draft.report["book"]["roll_forward"]["closing"]


@pytest.mark.parametrize(
    ("tampering", "part"),
    [
        ("UPDATE entry SET amount = amount + 1 WHERE leg = 0", "book.accounts"),
        ("DELETE FROM entry WHERE transaction_id = 1", "book.roll_forward"),
        ("UPDATE ledger_transaction SET effective_at = '2026-11-02'", "book.transactions"),
        ("UPDATE seal_leaf SET hash = sha256('x')", "book.leaves"),
        ("UPDATE seal SET hash = sha256('x')", "book.seal"),
        (
            """UPDATE period_draft SET report = jsonb_set(report, '{witnesses,stripe,balance_cents}', '1')""",
            "the report that was kept",
        ),
    ],
)
def test_a_book_that_was_tampered_with_gives_another_hash(shop: Shop, tampering: str, part: str) -> None:
    close(shop)
    assert closing.verify(shop.sessions, OCTOBER).agrees
    with shop.sessions() as session:
        for table in ("entry", "ledger_transaction", "seal_leaf", "seal", "period_draft"):
            session.connection().execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        session.connection().execute(text(tampering))

    verified = closing.verify(shop.sessions, OCTOBER)

    assert not verified.agrees
    assert part in verified.differences


def test_a_month_that_is_not_over_is_not_prepared(shop: Shop) -> None:
    with pytest.raises(NotClosable, match="The month is over"):
        prepare(shop, now=OCTOBER.ends_at - HOUR)


def test_a_broken_book_is_not_closed(shop: Shop) -> None:
    with shop.sessions() as session:
        session.connection().execute(text("UPDATE balance SET posted = posted + 1 WHERE floor IS NULL"))

    with pytest.raises(NotClosable, match="The book is verified"):
        prepare(shop)


def test_an_open_break_needs_a_reason(shop: Shop) -> None:
    shop.grant(shop.page, at=SOLD)
    shop.reconcile(at=CLOSING - HOUR / 2)
    assert standings(shop)["Breaks of the month that are open"] == "warning"

    with pytest.raises(NotClosable, match="say why it may be closed all the same"):
        prepare(shop)

    draft = prepare(shop, reason="Stripe has confirmed that it is on its way")
    assert any("Breaks of the month" in each for each in draft.warnings)
    assert draft.reason == "Stripe has confirmed that it is on its way"


def test_what_stripe_told_and_nobody_booked_stands_against_the_close(shop: Shop) -> None:
    shop.books.move(-20, kind="stripe_fee", at=SOLD)
    shop.reconcile(at=CLOSING - HOUR / 2)
    assert standings(shop)["Stripe's balance is in the book"] == "good"
    with shop.sessions() as session:
        session.connection().execute(
            text(
                """
                INSERT INTO stripe_balance_transaction
                    (id, type, amount, fee, net, currency, created_at, available_on, kept_at)
                VALUES ('txn_x', 'charge', 100, 0, 100, 'usd', :at, :at, :at)
                """
            ),
            {"at": SOLD},
        )

    with pytest.raises(NotClosable, match="What Stripe told is booked"):
        prepare(shop, reason="never mind")


def test_books_that_were_not_read_to_the_end_of_the_month_are_a_warning(sessions: Sessions) -> None:
    shop = Shop(sessions)
    shop.charge(shop.grant(shop.page, at=SOLD), at=SOLD)
    shop.reconcile(at=SOLD + HOUR)

    assert standings(shop)["Stripe's books were read to the end of the month"] == "warning"


def test_only_what_was_prepared_last_is_confirmed(shop: Shop) -> None:
    first, second = prepare(shop), prepare(shop)

    with pytest.raises(NotClosable, match="prepared again"), shop.sessions() as session:
        closing.confirm(session, first.draft_id, by=BEN, now=CLOSING)
    with shop.sessions() as session:
        closing.confirm(session, second.draft_id, by=BEN, now=CLOSING)
    with pytest.raises(NotClosable, match="turn"), shop.sessions() as session:
        closing.confirm(session, second.draft_id, by=BEN, now=CLOSING)
    assert first.control_hash == second.control_hash


def test_months_are_listed_with_what_became_of_them(shop: Shop) -> None:
    with shop.sessions() as session:
        before = closing.months(session, now=CLOSING)
    close(shop)
    prepare_by = ANN.name
    with shop.sessions() as session:
        after = closing.months(session, now=CLOSING)

    assert [(each.month, each.state) for each in before] == [("2026-11", "open"), ("2026-10", "over")]
    assert [(each.month, each.state, each.prepared_by) for each in after] == [
        ("2026-11", "open", None),
        ("2026-10", "closed", prepare_by),
    ]
