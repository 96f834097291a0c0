"""The exceptions queue: the oldest first, what each is worth, whose it is, and what is next."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from ledger import book, chart
from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from office import errors, exception_case, exception_desk, exception_queue, owners
from office.actor import Actor
from office.exception_case import Shown
from office.exception_queue import Queued
from office.models import AuditRow
from office.proposals.settings import proposals
from rails import errors as rails_errors
from rails import resolutions, reviews
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.exceptions import State, Wanted
from tests.office import troubles

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
ANN = Actor("operator:ann@example.com", role="finance", via="console")
BEN = Actor("operator:ben@example.com", role="finance", via="console")


@pytest.fixture
def rail() -> FakeRail:
    return crypto_deposit()


def lines(
    sessions: Sessions, *, now: datetime = LATER, owner: str | None = None, **wanted: object
) -> list[Queued]:
    with sessions() as session:
        return list(exception_queue.listed(session, Wanted(**wanted), owner=owner, now=now).lines)  # type: ignore[arg-type]


def numbers(found: list[Queued]) -> list[int]:
    return [line.exception_id for line in found]


def shown(sessions: Sessions, exception_id: int, *, now: datetime = LATER, by: Actor = ANN) -> Shown:
    with sessions() as session:
        return exception_case.shown(session, exception_id, by=by, now=now)


def credited(sessions: Sessions, exception_id: int, *, seen: int) -> resolutions.Resolved:
    with sessions() as session:
        return exception_desk.credit(
            session, exception_id, seen=seen, reason="the payer wrote", by=ANN, now=LATER
        )


def written_off(sessions: Sessions, exception_id: int, *, seen: int, by: Actor = ANN) -> resolutions.Resolved:
    with sessions() as session:
        return exception_desk.write_off(session, exception_id, seen=seen, reason="dust", by=by, now=LATER)


def put_off(sessions: Sessions, exception_id: int, *, seen: int, hours: int) -> None:
    with sessions() as session:
        exception_desk.put_off(
            session,
            exception_id,
            until=LATER + timedelta(hours=hours),
            seen=seen,
            reason="they ask",
            by=ANN,
            now=LATER,
        )


def audited(sessions: Sessions) -> list[tuple[str, str, str]]:
    with sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    return [(row.actor, row.action, row.outcome) for row in rows]


def test_a_line_says_what_it_is_worth_and_what_is_next(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON)

    [line] = lines(sessions)

    assert (line.exception_id, line.kind, line.agent_id, line.owner) == (
        exception_id,
        "underpaid",
        "agt_1",
        None,
    )
    assert (line.expected, line.received) == (Amount(5_000_000, USDC), Amount(4_990_001, USDC))
    assert (line.difference, line.worth) == (Amount(-9_999, USDC), Amount(4_990_001, USDC))
    assert (line.age, line.state) == (timedelta(hours=2), "open")
    assert line.next_step == (
        "grant 499 credits as the purchase; 0.000001 USDC is less than a cent, and only recorded"
    )


def test_an_exception_of_the_chain_is_worth_no_sum(sessions: Sessions) -> None:
    with sessions() as session:
        reviews.chain_changed(session, chain_id=8453, detail="block 7 changed", now=NOON)

    [line] = lines(sessions)

    assert (line.subject, line.agent_id, line.worth) == ("chain 8453", None, None)
    assert line.next_step == "have the chain read on"
    assert shown(sessions, line.exception_id).attempt is None


def test_what_is_wanted_is_listed_the_oldest_first(sessions: Sessions, rail: FakeRail) -> None:
    old = troubles.excepted(sessions, rail, now=NOON - timedelta(days=3), kind="overpaid", received=6_000_000)
    theirs = troubles.excepted(sessions, rail, now=NOON - timedelta(days=1), agent_id="agt_2")
    put = troubles.excepted(sessions, rail, now=NOON)
    done = troubles.excepted(sessions, rail, now=NOON)
    put_off(sessions, put, seen=4_990_001, hours=1)
    credited(sessions, done, seen=4_990_001)

    assert numbers(lines(sessions)) == [old, theirs]
    assert numbers(lines(sessions, state="waiting")) == [put]
    assert numbers(lines(sessions, state="closed")) == [done]
    assert numbers(lines(sessions, state="all")) == [old, theirs, put, done]
    assert numbers(lines(sessions, kind="overpaid")) == [old]
    assert numbers(lines(sessions, agent_id="agt_2", state="all")) == [theirs]
    assert numbers(lines(sessions, older_than=timedelta(days=2))) == [old]
    assert numbers(lines(sessions, now=LATER + timedelta(hours=2))) == [old, theirs, put]


@pytest.mark.parametrize("state", ["open", "all"])
def test_pages_follow_each_other_and_leave_nothing_out(
    sessions: Sessions, rail: FakeRail, state: State
) -> None:
    # Three at the same moment: the number decides between them.
    ids = [troubles.excepted(sessions, rail, now=NOON + timedelta(hours=n // 3)) for n in range(7)]

    seen, after = [], None
    with sessions() as session:
        for _ in range(4):
            page = exception_queue.listed(session, Wanted(state=state), after=after, now=LATER, limit=2)
            seen.append([line.exception_id for line in page.lines])
            after = page.more

    assert seen == [ids[0:2], ids[2:4], ids[4:6], ids[6:]]
    assert after is None


@pytest.mark.parametrize("place", ["x", "2026-11-21~1", "2026-11-21T12:00:00+00:00~x", "~~", "1~2~3"])
def test_a_link_that_leads_nowhere_is_refused(sessions: Sessions, place: str) -> None:
    with sessions() as session, pytest.raises(errors.BadPlace):
        exception_queue.listed(session, Wanted(), after=place, now=LATER)


def test_exceptions_are_filtered_by_who_takes_care_of_them(sessions: Sessions, rail: FakeRail) -> None:
    mine, given_back, nobodys = (troubles.excepted(sessions, rail, now=NOON) for _ in range(3))
    with sessions() as session:
        for each in (mine, given_back):
            about = ("exception", str(each))
            owners.assign(session, about=about, owner=ANN.name, turn=0, by=ANN, now=NOON)
        owners.assign(session, about=about, owner=None, turn=1, by=ANN, now=NOON)

    assert numbers(lines(sessions, owner=ANN.name)) == [mine]
    assert numbers(lines(sessions, owner=exception_queue.NOBODY)) == [given_back, nobodys]
    assert numbers(lines(sessions, owner=BEN.name)) == []
    assert [line.owner for line in lines(sessions)] == [ANN.name, None, None]


def test_a_credit_is_given_once_and_audited_with_what_it_was_and_is(
    sessions: Sessions, rail: FakeRail
) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON)

    done, again = (credited(sessions, exception_id, seen=4_990_001) for _ in range(2))

    assert (done.cents, again.replayed) == (Amount(499, USD), True)
    with sessions() as session:
        assert book.balance(session, account=chart.agent("agt_1")).units == 499
        row = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).first()
    assert row is not None
    assert (row.actor, row.action, row.reason) == (ANN.name, "exception.resolve", "the payer wrote")
    assert (row.about_kind, row.about_id) == ("exception", str(exception_id))
    assert row.before == {"state": "open", "received": "4.990001 USDC"}
    assert row.after == {
        "resolution": "credit",
        "cents": 499,
        "dust_units": "1",
        "ledger_transaction_id": done.ledger_transaction_id,
        "replayed": False,
    }


def test_whoever_saw_another_amount_decides_nothing(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON)

    with pytest.raises(rails_errors.ChangedMeanwhile, match=r"about 4\.990001 USDC now, not 4\.990000 USDC"):
        credited(sessions, exception_id, seen=4_990_000)
    with pytest.raises(rails_errors.ChangedMeanwhile):
        written_off(sessions, exception_id, seen=4_990_000)
    with pytest.raises(rails_errors.ChangedMeanwhile):
        put_off(sessions, exception_id, seen=4_990_000, hours=1)
    assert (audited(sessions), numbers(lines(sessions))) == ([], [exception_id])


def test_a_reason_that_says_nothing_decides_nothing(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON)

    with sessions() as session, pytest.raises(errors.SayWhy):
        exception_desk.credit(session, exception_id, seen=4_990_001, reason=" ", by=ANN, now=LATER)
    with pytest.raises(rails_errors.ExceptionNotFound):
        credited(sessions, 99, seen=0)


@pytest.fixture
def two_dollars_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One operator gives away at most two dollars a day alone."""
    monkeypatch.setenv("PENNYRAIL_CONSOLE_ALONE_MOST_CENTS", "200")
    proposals.cache_clear()
    yield
    monkeypatch.delenv("PENNYRAIL_CONSOLE_ALONE_MOST_CENTS")
    proposals.cache_clear()


@pytest.mark.usefixtures("two_dollars_alone")
def test_a_write_off_over_the_limit_takes_two_and_leaves_the_exception_open(
    sessions: Sessions, rail: FakeRail
) -> None:
    large = troubles.excepted(sessions, rail, now=NOON)
    small, last = (troubles.excepted(sessions, rail, now=NOON, received=1_500_000) for _ in range(2))

    with pytest.raises(errors.NeedsApproval, match=r"4\.99 USD takes a second person.*2\.00 USD more today"):
        written_off(sessions, large, seen=4_990_001)
    offered = {each.action: each.takes_two for each in shown(sessions, large).offers}
    done = written_off(sessions, small, seen=1_500_000)
    with pytest.raises(errors.NeedsApproval, match=r"0\.50 USD more today"):
        written_off(sessions, last, seen=1_500_000)
    others = written_off(sessions, last, seen=1_500_000, by=BEN)

    assert offered == {"credit": False, "refund": False, "wait": False, "write_off": True}
    assert (done.cents, others.cents) == (Amount(150, USD), Amount(150, USD))
    assert numbers(lines(sessions)) == [large]
    with sessions() as session:
        assert book.balance(session, account=chart.UNCLAIMED).units == 300


@pytest.mark.usefixtures("two_dollars_alone")
def test_a_refund_over_the_limit_asks_no_processor(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON, kind="unseen", received=0, charged=True)

    with pytest.raises(errors.NeedsApproval):
        refunded(sessions, rail, exception_id)

    assert rail._reversed == {}
    assert [row[1:] for row in audited(sessions)] == [
        ("exception.resolve", "asked"),
        ("exception.resolve", "failed"),
    ]
    assert not shown(sessions, exception_id).refund_asked


def refunded(sessions: Sessions, rail: FakeRail, exception_id: int) -> resolutions.Resolved:
    return exception_desk.refund(
        sessions,
        {rail.rail_id: rail},
        exception_id,
        seen=0,
        reason="the payer asked",
        by=ANN,
        now=LATER,
    )


def test_a_refund_that_nobody_answered_goes_on_with_the_same_call(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON, kind="unseen", received=0, charged=True)
    rail.unreachable = True
    with pytest.raises(rails_errors.RailUnreachable):
        refunded(sessions, rail, exception_id)

    between = shown(sessions, exception_id)
    rail.unreachable = False
    done = refunded(sessions, rail, exception_id)

    assert between.refund_asked
    assert between.line.next_step == "the processor did not answer yet: ask it for the refund again"
    assert (done.cents, done.replayed) == (Amount(500, USD), True)
    assert [len(each) for each in rail._reversed.values()] == [1]
    assert [row[1:] for row in audited(sessions)] == [
        ("exception.resolve", "asked"),
        ("exception.resolve", "failed"),
        ("exception.resolve", "asked"),
        ("exception.resolve", "done"),
    ]
    assert shown(sessions, exception_id).line.resolution == "refund"


def test_a_case_tells_what_was_done_by_whom_and_what_may_be_done(sessions: Sessions, rail: FakeRail) -> None:
    exception_id = troubles.excepted(
        sessions, rail, now=NOON, detail={"said": "key sk_live_4eC39HqLyjWDarjtT1zdp7dc"}
    )
    with sessions() as session:
        about = ("exception", str(exception_id))
        owners.assign(session, about=about, owner=ANN.name, turn=0, by=ANN, now=NOON + timedelta(hours=1))
    put_off(sessions, exception_id, seen=4_990_001, hours=1)

    case = shown(sessions, exception_id)

    assert [(each.what, each.who, each.words) for each in case.history] == [
        ("opened", "house", ""),
        ("owner", ANN.name, ANN.name),
        ("wait until 2026-11-21 15:00 UTC", ANN.name, "they ask"),
    ]
    assert {each.action: each.allowed for each in case.offers} == {
        "credit": True,
        "refund": False,
        "wait": True,
        "write_off": True,
    }
    assert (case.seen, case.final, case.policy) == (4_990_001, Amount(4_990_001, USDC), "review")
    assert case.attempt is not None
    assert (case.attempt.agent_id, case.attempt.receipt_id) == ("agt_1", None)
    stripe = next(each for each in case.evidence if each.source == "stripe")
    assert stripe.detail == (("said", "key [redacted]"),)
    assert case.line.state == "waiting"


def test_an_exception_in_another_token_is_refused_by_what_was_seen_too(
    sessions: Sessions, rail: FakeRail
) -> None:
    exception_id = troubles.excepted(sessions, rail, now=NOON)
    with sessions() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO payment_exception"
            " (payment_attempt_id, kind, asset, expected_units, received_units, opened_at)"
            " SELECT payment_attempt_id, 'wrong_token', '0xabc', 0, 77, opened_at FROM payment_exception"
        )
    [other] = [line for line in lines(sessions) if line.exception_id != exception_id]

    with pytest.raises(rails_errors.ChangedMeanwhile, match="about 77 0xabc now, not 78 0xabc"):
        written_off(sessions, other.exception_id, seen=78)
    done = written_off(sessions, other.exception_id, seen=77)

    assert (other.agent_id, other.worth) == ("agt_1", other.received)
    assert done.cents == Amount(0, USD)
