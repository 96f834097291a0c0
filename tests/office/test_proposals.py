"""What one proposes another decides: once, in time, and never oneself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import errors as postgres
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

from office.actor import Actor
from office.proposals import deciding, reading
from office.proposals.errors import (
    AlreadyDecided,
    BadProposal,
    MayNotDecide,
    NotPossible,
    ProposalError,
    ProposalExpired,
    ProposalNotFound,
)
from office.proposals.reading import Wanted
from tests.ledger.make import hold
from tests.ledger.story import do
from tests.office.people import NOON, operator
from tests.office.proposing import AGENT, GOODWILL, LATER, TAKEN, Office

ACCOUNT = f"agent:{AGENT}"
LIFETIME = timedelta(hours=72)


def test_goodwill_is_given_once_another_has_approved(office: Office) -> None:
    number = office.propose("adjustment", GOODWILL)
    before = office.holds(ACCOUNT)

    done = office.approve(number)

    assert (before, office.holds(ACCOUNT), office.holds("prepaid_liability")) == (100, 350, 80)
    assert (office.state(number), done.done is not None and len(done.done.transactions)) == ("approved", 1)
    assert office.told() == [
        ("operator:ann@example.com", "proposal.create", "done"),
        ("operator:bob@example.com", "proposal.approve", "done"),
    ]
    office.check_book()


def test_goodwill_lapses_at_the_end_of_its_day(office: Office) -> None:
    office.approve(office.propose("adjustment", GOODWILL))

    with office.sessions() as session:
        told = session.connection().execute(text("SELECT expires_at, promotional FROM lot ORDER BY id DESC"))
        expires_at, promotional = next(iter(told))

    assert (f"{expires_at.astimezone(NOON.tzinfo):%Y-%m-%d %H}", promotional) == ("2027-01-01 00", True)


def test_credits_are_taken_and_nothing_is_earned(office: Office) -> None:
    office.approve(office.propose("adjustment", TAKEN))

    held = {name: office.holds(name) for name in (ACCOUNT, "prepaid_liability", "unclaimed", "revenue")}
    assert held == {ACCOUNT: 70, "prepaid_liability": 56, "unclaimed": 24, "revenue": 0}
    office.check_book()


def test_approving_again_changes_nothing(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)

    first, again = office.approve(number), office.approve(number, now=LATER + LIFETIME)

    assert (first.replayed, again.replayed, office.holds(ACCOUNT)) == (False, True, 70)
    with pytest.raises(AlreadyDecided, match="approved by operator:bob"):
        office.approve(number, by=office.eve)


def test_the_same_form_proposes_once_and_is_nobody_elses(office: Office) -> None:
    first = office.propose("adjustment", TAKEN, key="form-1")

    assert office.propose("adjustment", TAKEN, key="form-1") == first
    with pytest.raises(BadProposal, match="somebody else"):
        office.propose("adjustment", TAKEN, key="form-1", by=office.bob)
    for other in ({**TAKEN, "credits": "31"}, GOODWILL):
        with pytest.raises(BadProposal, match="something else"):
            office.propose("adjustment", other, key="form-1")
    with pytest.raises(BadProposal, match="something else"):
        office.propose("adjustment", TAKEN, key="form-1", evidence="ticket 18")


def test_the_maker_cannot_approve_or_reject_and_it_is_on_record(office: Office) -> None:
    number = office.propose("adjustment", TAKEN, by=office.bob)

    with pytest.raises(MayNotDecide, match="you have proposed it"):
        office.approve(number, by=office.bob)
    with pytest.raises(MayNotDecide):
        deciding.reject(office.sessions, number, reason="no", by=office.bob, now=LATER)

    assert (office.state(number), office.holds(ACCOUNT)) == ("pending", 100)
    assert [row[1:] for row in office.told()[1:]] == [
        ("proposal.approve", "refused"),
        ("proposal.reject", "refused"),
    ]


@pytest.mark.parametrize("name", ["OPERATOR:Bob@Example.com", "operator:robert@example.com"])
def test_the_maker_is_known_in_other_letters_and_after_a_change_of_name(office: Office, name: str) -> None:
    number = office.propose("adjustment", TAKEN, by=office.bob)

    with pytest.raises(MayNotDecide):
        office.approve(number, by=replace(office.bob, name=name))


def test_the_makers_name_in_other_letters_is_no_other_person(office: Office) -> None:
    number = office.propose("adjustment", TAKEN, by=office.bob)

    with pytest.raises(MayNotDecide):
        office.approve(number, by=replace(office.eve, name="Operator:BOB@example.com"))


def test_only_approvers_approve(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)

    for who in (operator(office.sessions, "finance", "fay"), operator(office.sessions, "admin", "root")):
        with pytest.raises(MayNotDecide):
            office.approve(number, by=who)
    with pytest.raises(MayNotDecide):
        office.approve(number, by=Actor("ann", via="command"))
    with pytest.raises(MayNotDecide):
        office.propose("adjustment", TAKEN, by=operator(office.sessions, "support", "sue"))


def test_an_operator_who_was_disabled_or_changed_meanwhile_cannot_decide(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)
    office.disable(office.bob)

    with pytest.raises(MayNotDecide, match="may sign in"):
        office.approve(number, by=office.bob)

    # Whatever the session still believes.
    with pytest.raises(MayNotDecide):
        office.approve(number, by=replace(office.ann, name="operator:else", role="approver"))


def test_a_proposal_ends_at_the_very_moment(office: Office) -> None:
    number, other = office.propose("adjustment", TAKEN), office.propose("adjustment", GOODWILL)
    ends = NOON + LIFETIME

    office.approve(other, now=ends - timedelta(microseconds=1))
    with pytest.raises(ProposalExpired, match="2026-11-23 12:00:00 UTC"):
        office.approve(number, now=ends)

    assert (office.state(number, now=ends), office.holds(ACCOUNT)) == ("expired", 350)


def test_what_nobody_decided_in_time_is_written_down_once(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)
    with office.sessions() as session:
        early = deciding.expire(session, now=NOON + LIFETIME - timedelta(microseconds=1))
        told = deciding.expire(session, now=NOON + LIFETIME)
        again = deciding.expire(session, now=NOON + LIFETIME)

    assert (early, told, again) == ([], [number], [])
    assert office.told()[-1] == ("house", "proposal.expire", "done")
    with pytest.raises(AlreadyDecided):
        office.approve(number, now=LATER)


def test_only_the_maker_withdraws(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)

    with pytest.raises(MayNotDecide):
        deciding.withdraw(office.sessions, number, reason="no", by=office.bob, now=LATER)
    deciding.withdraw(office.sessions, number, reason="my mistake", by=office.ann, now=LATER)

    assert office.state(number) == "withdrawn"
    with pytest.raises(AlreadyDecided):
        office.approve(number)


def test_a_rejected_proposal_books_nothing(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)

    deciding.reject(office.sessions, number, reason="no ticket says so", by=office.bob, now=LATER)

    assert (office.state(number), office.holds(ACCOUNT)) == ("rejected", 100)


def test_of_two_checkers_at_once_one_decides(office: Office) -> None:
    for _ in range(5):
        number = office.propose("adjustment", {**TAKEN, "credits": "7"})
        before = office.holds(ACCOUNT)

        def decide(who: Actor, number: int = number) -> str:
            try:
                office.approve(number, by=who)
            except ProposalError as error:
                return error.code
            return "done"

        with ThreadPoolExecutor(2) as both:
            found = sorted(both.map(decide, (office.bob, office.eve)))

        assert found == ["PROPOSAL_ALREADY_DECIDED", "done"]
        assert office.holds(ACCOUNT) == before - 7


def test_what_has_become_impossible_is_refused_and_stays_to_be_decided(office: Office) -> None:
    number = office.propose("adjustment", {**TAKEN, "credits": "60"})
    do(office.sessions, hold("h", 50, agent=AGENT, expires_at=LATER + LIFETIME), now=NOON)

    with pytest.raises(NotPossible, match="fewer credits"):
        office.approve(number)

    assert (office.state(number), office.holds(ACCOUNT)) == ("pending", 100)
    assert office.told()[-1] == ("operator:bob@example.com", "proposal.approve", "failed")
    office.check_book()


def test_a_refusal_is_not_kept_under_the_key_and_can_be_approved_when_it_is_possible_again(
    office: Office,
) -> None:
    number = office.propose("adjustment", TAKEN)
    do(office.sessions, hold("h", 80, agent=AGENT, expires_at=LATER), now=NOON)
    with pytest.raises(NotPossible):
        office.approve(number, now=LATER - timedelta(minutes=1))

    office.approve(number, now=LATER)

    assert office.holds(ACCOUNT) == 70


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        ("adjustment", {**TAKEN, "credits": "0"}, "whole number"),
        ("adjustment", {**TAKEN, "credits": "1.5"}, "whole number"),
        ("adjustment", {**TAKEN, "credits": "-5"}, "whole number"),
        ("adjustment", {**TAKEN, "credits": "1" * 30}, "whole number"),
        ("adjustment", {**TAKEN, "agent_id": "agt_none"}, "no agent agt_none"),
        ("adjustment", {**GOODWILL, "lapse_after": "2026-11-01"}, "lapsed already"),
        ("adjustment", {**GOODWILL, "lapse_after": "soon"}, "a day"),
        ("adjustment", {**TAKEN, "credits": "101"}, "fewer credits"),
        ("adjustment", {"agent_id": AGENT, "credits": "5"}, "up or down"),
        ("correction", {"source": "unclaimed", "target": "clearing:x", "amount": "1"}, "by hand"),
        ("correction", {"source": "prepaid_liability", "target": "revenue", "amount": "1"}, "by hand"),
        ("correction", {"source": "unclaimed", "target": "unclaimed", "amount": "1"}, "another"),
        ("correction", {"source": "unclaimed", "target": "revenue", "amount": "1.005"}, "two decimals"),
        ("correction", {"source": "unclaimed", "target": "revenue", "amount": "0.00"}, "two decimals"),
        ("correction", {"source": "unclaimed", "target": "revenue", "amount": "0.01"}, "holds 0.00"),
        ("correction", {"source": "losses", "target": "receivable", "amount": "0.01"}, "receivable now"),
        ("refund", {"payment_attempt_id": "payatt_none", "amount": "1"}, "no purchase"),
        ("policy", {"name": "kill_switch", "outcome": "credit"}, "no policy"),
        ("policy", {"name": "overpaid", "outcome": "review"}, "already"),
        ("policy", {"name": "overpaid", "outcome": "gift"}, "review or credit"),
    ],
)
def test_nonsense_is_not_proposed(office: Office, kind: str, fields: dict[str, str], why: str) -> None:
    from office.proposals import kinds

    with pytest.raises(ProposalError, match=why):
        office.propose(kinds.kind(kind), fields)

    with office.sessions() as session:
        assert not reading.listed(session, Wanted(), now=NOON)


def test_an_adjustment_needs_evidence_and_a_reason(office: Office) -> None:
    with pytest.raises(BadProposal, match="evidence"):
        office.propose("adjustment", TAKEN, evidence="  ")


def test_a_key_in_the_evidence_is_not_kept(office: Office) -> None:
    number = office.propose("adjustment", TAKEN, evidence="https://x.example/?key=sk_live_0123456789")

    with office.sessions() as session:
        assert reading.shown(session, number, now=LATER).evidence == "https://x.example/?key=[redacted]"


def test_money_that_nobody_claims_and_claims_that_nobody_pays_are_corrected(office: Office) -> None:
    office.approve(office.propose("adjustment", TAKEN))
    fields = {"source": "unclaimed", "target": "revenue", "amount": "0.20"}
    first, second = office.propose("correction", fields), office.propose("correction", fields)

    office.approve(first)

    with pytest.raises(NotPossible, match=r"unclaimed holds 0\.04 USD now"):
        office.approve(second)
    assert (office.holds("unclaimed"), office.holds("revenue")) == (4, 20)
    office.check_book()


def test_a_rehearsal_tells_every_leg_and_moves_nothing(office: Office) -> None:
    number = office.propose("adjustment", TAKEN)
    with office.sessions() as session:
        standing = reading.shown(session, number, now=NOON)
        told = reading.rehearse(session, standing.content, now=NOON)

    legs = {leg.account: (leg.before.units, leg.amount.units, leg.after.units) for leg in told.legs}
    assert told.why_not is None
    assert legs == {
        ACCOUNT: (100, -30, 70),
        "issued": (-100, 30, -70),
        "prepaid_liability": (80, -24, 56),
        "unclaimed": (0, 24, 24),
    }
    assert office.holds(ACCOUNT) == 100
    office.approve(number)
    with office.sessions() as session:
        did = reading.effect(session, reading.shown(session, number, now=LATER))
    assert {name: amount.units for name, amount in did.legs} == {name: leg[1] for name, leg in legs.items()}


def test_proposals_are_listed_by_state_kind_maker_and_subject(office: Office) -> None:
    first = office.propose("adjustment", TAKEN)
    second = office.propose("policy", {"name": "late", "outcome": "credit"}, by=office.bob)
    office.approve(first)

    def found(wanted: Wanted) -> list[int]:
        with office.sessions() as session:
            return [each.proposal_id for each in reading.listed(session, wanted, now=LATER)]

    assert found(Wanted()) == [second, first]
    assert (found(Wanted(state="pending")), found(Wanted(state="approved"))) == ([second], [first])
    assert (found(Wanted(kind="policy")), found(Wanted(proposed_by=office.ann.name))) == ([second], [first])
    assert (found(Wanted(about=("agent", AGENT))), found(Wanted(before=second))) == ([first], [first])
    with office.sessions() as session, pytest.raises(ProposalNotFound):
        reading.shown(session, 999, now=NOON)


FORGED = """
    INSERT INTO proposal_decision SELECT
        proposal_id, :decision, coalesce(:by, proposed_by), coalesce(:by_id, proposed_by_id), 'because',
        :at, coalesce(:maker, proposed_by), proposed_by_id, expires_at + CAST(:longer AS interval)
    FROM proposal
"""


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({}, "proposal_checker_is_not_the_maker"),
        ({"by": "OPERATOR:ANN@example.com", "by_id": "eve"}, "proposal_checker_is_not_the_maker"),
        ({"by": "operator:other"}, "proposal_checker_is_not_the_maker"),
        ({"decision": "withdrawn", "by_id": "eve"}, "proposal_withdrawn_by_its_maker"),
        ({"by": "e", "by_id": "eve", "at": NOON + LIFETIME}, "proposal_decided_in_time"),
        ({"by": "e", "by_id": "eve", "longer": "1 day"}, "proposal_decision_of_this_proposal"),
        ({"by": "e", "by_id": "eve", "maker": "x"}, "proposal_decision_of_this_proposal"),
        ({"by": "e", "by_id": "eve", "decision": "done"}, "proposal_decision_known"),
    ],
)
def test_the_database_takes_no_forged_decision(
    office: Office, changed: dict[str, object], constraint: str
) -> None:
    office.propose("adjustment", TAKEN, by=replace(office.bob, name="operator:ann@example.com"))
    given: dict[str, object] = dict.fromkeys(("by", "by_id", "maker"))
    given |= {"decision": "approved", "at": LATER, "longer": "0", **changed}
    if given["by_id"] == "eve":
        given["by_id"] = office.eve.operator_id

    with pytest.raises(DBAPIError) as caught, office.sessions() as session:
        session.connection().execute(text(FORGED), given)

    assert isinstance(caught.value.orig, postgres.Error)
    assert caught.value.orig.diag.constraint_name == constraint


def test_the_database_lets_nobody_decide_who_is_disabled_or_no_approver(office: Office) -> None:
    office.propose("adjustment", TAKEN)
    office.disable(office.eve)
    given = {"decision": "approved", "at": LATER, "maker": None, "longer": "0"}

    for who in (office.eve, operator(office.sessions, "finance", "fay")):
        named = {"by": who.name, "by_id": who.operator_id}
        with pytest.raises(DBAPIError, match="may not decide"), office.sessions() as session:
            session.connection().execute(text(FORGED), given | named)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE proposal SET content = '{}'",
        "UPDATE proposal SET expires_at = 'infinity'",
        "DELETE FROM proposal",
        "TRUNCATE proposal CASCADE",
        "UPDATE proposal_decision SET decision = 'rejected'",
        "DELETE FROM proposal_decision",
        "TRUNCATE proposal_decision CASCADE",
        "UPDATE policy_change SET value = 'review'",
        "DELETE FROM policy_change",
        "TRUNCATE policy_change",
        "SET session_replication_role = replica; UPDATE proposal SET cents = 1",
    ],
)
def test_what_was_proposed_and_decided_never_changes(office: Office, change: str) -> None:
    office.approve(office.propose("policy", {"name": "late", "outcome": "credit"}))

    with pytest.raises(DBAPIError, match="refused"), office.sessions() as session:
        session.connection().exec_driver_sql(change)


def test_amounts_that_are_not_whole_are_not_kept(office: Office) -> None:
    insert = """
        INSERT INTO proposal (key, kind, about_kind, about_id, content, cents, reason, evidence, proposed_by,
            proposed_by_id, proposed_at, expires_at)
        SELECT 'k', 'adjustment', 'agent', 'a', '{"legs": [{"cents": 1.5}]}', 1, 'r', 'e', 'x', operator_id,
            now(), now() + interval '1 day'
        FROM operator LIMIT 1
    """

    with pytest.raises(DBAPIError, match="proposal_amounts_are_whole"), office.sessions() as session:
        session.connection().exec_driver_sql(insert)


def test_a_policy_changes_without_an_approval_for_nobody(office: Office) -> None:
    office.propose("policy", {"name": "late", "outcome": "credit"})
    insert = """
        INSERT INTO policy_change (name, before, value, proposal_id, changed_at)
        SELECT 'late', 'review', 'credit', proposal_id, now() FROM proposal
    """

    with pytest.raises(DBAPIError, match="policy_change_by_a_decision"), office.sessions() as session:
        session.connection().exec_driver_sql(insert)
