"""Maker and checker at the console: two people, two seats, and nobody in both."""

import re
from datetime import timedelta

import pytest
from sqlmodel import col, select

from ledger import book
from office.models import AuditRow
from tests.app.console.seats import Console, Json, Seat
from tests.ledger.make import grant
from tests.ledger.story import do

AGENT = "agt_1"
TAKEN: dict[str, str | int] = {
    "agent_id": AGENT,
    "direction": "down",
    "credits": 30,
    "evidence": "https://tickets.example.com/17",
    "reason": "granted twice by mistake",
}


@pytest.fixture
def ann(console: Console) -> Seat:
    """Who proposes: an approver as well, so that only being the maker is in the way."""
    do(console.sessions, grant("g", 100, cents=80, agent=AGENT))
    return console.operator("approver", "ann@example.com")


@pytest.fixture
def bob(console: Console) -> Seat:
    return console.operator("approver", "bob@example.com")


def proposed(seat: Seat, fields: dict[str, str | int], *, kind: str = "adjustment") -> str:
    """Propose it, as the form does; the path of its page."""
    answer = seat.act(f"/console/proposals/{kind}", **fields)
    return answer.headers["location"]


def last(console: Console) -> tuple[str, str, str]:
    """The newest row of the audit log."""
    with console.sessions() as session:
        row = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
    assert row is not None
    return row.actor, row.action, row.outcome


def credits_of(console: Console) -> int:
    with console.sessions() as session:
        return book.balance(session, account=f"agent:{AGENT}").units


def test_one_proposes_and_another_approves(console: Console, ann: Seat, bob: Seat) -> None:
    path = proposed(ann, TAKEN)

    before = bob.page(path)
    bob.act(f"{path}/approve", reason="the ticket says so")
    after = bob.page(path)

    assert "What approving would do now" in before
    assert "-30 CREDIT" in before
    assert "70 CREDIT" in before
    assert 'href="https://tickets.example.com/17"' in before
    assert "Approved" in after
    assert (credits_of(console), last(console)) == (
        70,
        ("operator:bob@example.com", "proposal.approve", "done"),
    )


def test_the_maker_is_shown_why_not_and_a_raw_request_is_forbidden(
    console: Console, ann: Seat, bob: Seat
) -> None:
    path = proposed(ann, TAKEN)

    page = ann.page(path)
    answers = [
        ann.send(f"{path}/{verb}", reason="why not", code=ann.code()) for verb in ("approve", "reject")
    ]

    assert "You cannot decide this: you have proposed it" in page
    assert "/approve" not in page
    assert [answer.status_code for answer in answers] == [403, 403]
    assert last(console) == ("operator:ann@example.com", "proposal.reject", "refused")
    assert (credits_of(console), "/approve" in bob.page(path)) == (100, True)


@pytest.mark.parametrize("role", ["viewer", "support", "admin"])
def test_who_may_not_propose_or_approve_is_forbidden_and_on_record(
    console: Console, ann: Seat, role: str
) -> None:
    path = proposed(ann, TAKEN)
    other = console.operator(role, "eve@example.com")  # type: ignore[arg-type]

    mine: dict[str, str | int] = {"reason": "mine"}
    for to, fields in (
        ("/console/proposals/adjustment", TAKEN),
        (f"{path}/approve", mine),
        (f"{path}/reject", mine),
        (f"{path}/withdraw", mine),
    ):
        answer = other.send(to, code=other.code(), **fields)
        assert answer.status_code == 403
        assert last(console)[::2] == ("operator:eve@example.com", "refused")
    assert other.get(path).status_code == 200
    assert other.get("/console/proposals/new").status_code == 403
    assert credits_of(console) == 100


def test_finance_proposes_and_does_not_approve(console: Console, ann: Seat) -> None:
    path = proposed(ann, TAKEN)
    finance = console.operator("finance", "fay@example.com")

    assert "only approvers decide" in finance.page(path)
    assert finance.send(f"{path}/approve", reason="yes", code=finance.code()).status_code == 403
    assert proposed(finance, TAKEN)


def test_money_needs_a_fresh_code(console: Console, ann: Seat, bob: Seat) -> None:
    path = proposed(ann, TAKEN)
    console.clock.now += timedelta(minutes=20)

    assert bob.send(f"{path}/approve", reason="yes").status_code == 403
    assert ann.send("/console/proposals/adjustment", **TAKEN).status_code == 403
    assert credits_of(console) == 100
    bob.act(f"{path}/approve", reason="yes")
    assert credits_of(console) == 70


def test_an_operator_who_was_disabled_decides_nothing(console: Console, ann: Seat, bob: Seat) -> None:
    path, admin = proposed(ann, TAKEN), console.operator("admin")
    token = bob.form_token()
    people = {each["email"]: each["operator_id"] for each in admin.json("/console/operators")["people"]}
    admin.act(f"/console/operators/{people[bob.email]}/disable", reason="left")

    answer = bob.http.post(f"{path}/approve", data={"form_token": token, "reason": "mine"})

    assert (answer.status_code, credits_of(console)) == (303, 100)
    assert "/console/sign-in" in answer.headers["location"]


def test_a_proposal_lapses(console: Console, ann: Seat, bob: Seat) -> None:
    path = proposed(ann, TAKEN)
    console.clock.now += timedelta(hours=72)
    for seat in (ann, bob):
        seat.sign_in()

    answer = bob.send(f"{path}/approve", reason="yes", code=bob.code())

    assert (answer.status_code, credits_of(console)) == (409, 100)
    assert "could be decided until" in answer.text
    assert "expired" in ann.page(path)


def test_the_maker_withdraws(console: Console, ann: Seat, bob: Seat) -> None:
    path = proposed(ann, TAKEN)

    assert bob.send(f"{path}/withdraw", reason="not mine", code=bob.code()).status_code == 403
    ann.act(f"{path}/withdraw", reason="my mistake")

    assert "Withdrawn" in ann.page(path)
    assert bob.send(f"{path}/approve", reason="late", code=bob.code()).status_code == 409


def test_a_form_that_is_sent_twice_proposes_once(console: Console, ann: Seat) -> None:
    page = ann.page("/console/proposals/new", kind="adjustment", agent_id=AGENT)
    key = re.search(r'name="key" value="(\w+)"', page)
    assert key is not None

    paths = {proposed(ann, {**TAKEN, "key": key[1]}) for _ in range(2)}

    assert len(paths) == 1
    assert f'value="{AGENT}"' in page


def test_links_of_other_pages_fill_the_form(ann: Seat) -> None:
    new = "/console/proposals/new"

    assert 'value="12.34"' in ann.page(new, kind="refund", payment_attempt_id="payatt_1", cents=1234)
    assert 'value="17"' in ann.page(new, kind="write_off", exception_id=17)
    assert ann.get(new, kind="gift").status_code == 422
    for kind in ann.json(new)["kinds"]:
        assert "Propose to" in ann.page(new, kind=kind)


def test_what_waits_stands_first_and_the_rest_is_paged(console: Console, ann: Seat, bob: Seat) -> None:
    for number in range(3):
        path = proposed(ann, {**TAKEN, "credits": number + 1})
        bob.act(f"{path}/reject", reason="no")
    waiting = proposed(ann, TAKEN)

    told = ann.json("/console/proposals")
    oldest = told["proposals"][-1]["proposal_id"]
    before = ann.json("/console/proposals", before=told["proposals"][0]["proposal_id"])

    assert [f"/console/proposals/{each['proposal_id']}" for each in told["pending"]] == [waiting]
    assert [each["state"] for each in told["proposals"]] == ["rejected"] * 3
    assert (len(before["proposals"]), before["pending"], told["next"]) == (2, [], None)
    assert not ann.json("/console/proposals", before=oldest)["proposals"]
    assert ann.json("/console/proposals", state="pending", by="ann@example.com")["proposals"]
    assert not ann.json("/console/proposals", state="pending", by="bob@example.com")["proposals"]
    assert "Waiting for somebody" in ann.page("/console/proposals")


def test_what_has_become_impossible_is_told_and_not_done(console: Console, ann: Seat, bob: Seat) -> None:
    first, second = (proposed(ann, {**TAKEN, "credits": 60}) for _ in range(2))
    bob.act(f"{first}/approve", reason="yes")

    page, answer = bob.page(second), bob.send(f"{second}/approve", reason="yes", code=bob.code())

    assert "It cannot be done now: the agent has fewer credits" in page
    assert (answer.status_code, credits_of(console)) == (409, 40)
    assert last(console)[1:] == ("proposal.approve", "failed")


def test_free_text_is_shown_as_text(ann: Seat, bob: Seat) -> None:
    hostile = "<script>alert(1)</script>"
    path = proposed(ann, {**TAKEN, "reason": hostile, "evidence": f"javascript:{hostile}"})

    page = bob.page(path)

    assert hostile not in page
    assert "&lt;script&gt;" in page
    assert 'href="javascript:' not in page


def test_policies_and_corrections_are_proposed_by_their_forms(console: Console, ann: Seat, bob: Seat) -> None:
    less: dict[str, str | int] = {"name": "alone_most_cents", "amount": "50.00", "reason": "less at once"}
    changed = proposed(ann, less, kind="policy")
    bob.act(f"{changed}/approve", reason="yes")
    bob.act(f"{proposed(ann, TAKEN)}/approve", reason="yes")
    fields: dict[str, str | int] = {"source": "unclaimed", "target": "revenue", "amount": "0.24"}
    moved = proposed(ann, {**fields, "evidence": "memo 3", "reason": "nobody is owed it"}, kind="correction")
    bob.act(f"{moved}/approve", reason="yes")

    assert "50.00 USD" in ann.page("/console/proposals/new", kind="refund")
    legs = {account: amount["units"] for account, amount in ann.json(moved)["effect"]["legs"]}
    assert legs == {"unclaimed": -24, "revenue": 24}


def test_the_data_of_a_proposal_is_what_the_page_shows(ann: Seat) -> None:
    told: Json = ann.json(proposed(ann, TAKEN))

    assert told["proposal"]["content"]["credits"] == {"units": 30, "asset": "CREDIT"}
    assert told["why_not"] == "you have proposed it: somebody else has to decide"
    assert told["rehearsal"]["legs"][0]["after"] == {"units": 70, "asset": "CREDIT"}
    assert ann.get("/console/proposals/999").status_code == 404
