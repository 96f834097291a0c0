"""The pages of purchases, and what is done there: by whom, with which code, on whose record."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import col, select
from starlette.routing import Mount

from ledger import proof, seals
from ledger.keys import SigningKey
from office import notes
from office.actor import Actor
from office.models import AuditRow
from office.proposals import alone
from office.proposals.settings import ProposalSettings
from office.roles import Role
from rails.models import EvidenceRow, RefundRequest
from tests.app.console.seats import Console, Seat
from tests.office.market import MINUTE, Market
from tests.reconciliation.world import AGENT, HOUR, NOON


@pytest.fixture
def market(console: Console) -> Market:
    made = Market(console.sessions)
    made.shop.page, made.shop.deposit = console.page, console.deposit
    return made


@pytest.fixture
def paid(console: Console, market: Market) -> str:
    """A purchase that was paid on the chain, spent from, and partly given back."""
    attempt_id = market.shop.buy(market.shop.deposit)
    market.transfer(attempt_id, 1)
    market.shop.deposit.pay(market.shop.reference(attempt_id))
    market.settle(market.shop.deposit, attempt_id)
    market.notice("evt_1", "payment_intent.succeeded", attempt_id, body=b'{"id": "pi_1", "amount": 500}')
    market.spend("render", 3)
    console.clock.now = NOON + HOUR
    return attempt_id


def refunds_of(console: Console) -> list[int]:
    with console.sessions() as session:
        return list(session.exec(select(RefundRequest.cents).order_by(col(RefundRequest.requested_at))))


def audited(console: Console) -> list[tuple[str, str]]:
    with console.sessions() as session:
        rows = session.exec(
            select(AuditRow).where(AuditRow.about_kind == "purchase").order_by(col(AuditRow.audit_id))
        )
        return [(row.action, row.outcome) for row in rows]


def test_the_page_shows_everything_about_a_purchase(console: Console, paid: str) -> None:
    page = console.operator("viewer").page(f"/console/purchases/{paid}")

    for told in (
        "The witnesses say the same.",
        "agent:agt_1",
        "webhook:stripe",
        "chain watcher",
        "rail:fake_deposit",
        "clearing:fake_deposit",
        "job_render",
        "balances",
        "adds up",
        "evt_1",
    ):
        assert told in page, told


def test_the_witness_of_the_chain_and_its_transfer_are_headed_by_one_hash(
    console: Console, market: Market, paid: str
) -> None:
    page = console.operator("viewer").page(f"/console/purchases/{paid}")
    with console.sessions() as session:
        (row,) = session.exec(select(EvidenceRow).where(EvidenceRow.source == "chain"))

    assert f'transaction <code class="ident" title="{row.detail["transaction_hash"]}">' in page
    assert f'<dt>block hash and log</dt><dd class="ident">{row.external_id}</dd>' in page
    assert "names none" not in page


def test_the_page_is_the_same_for_machines(console: Console, paid: str) -> None:
    case = console.operator("viewer").json(f"/console/purchases/{paid}")["case"]

    assert case["facts"]["state"] == "succeeded"
    assert case["amounts"]["received"] == {"units": 500, "asset": "USD"}
    assert case["witnesses"]["verdict"] == "agree"
    assert {each["balances"] for each in case["transactions"]} == {True}
    assert case["events"][0]["by"] == f"agent:{AGENT}"


def test_what_people_and_agents_wrote_is_never_markup(console: Console, market: Market) -> None:
    attempt_id = market.underpay()
    poison = "<img src=x onerror=alert(1)>"
    market.notice("evt_1", poison, attempt_id, body=f'{{"note": "{poison}"}}'.encode())
    seat = console.operator("finance")
    with console.sessions() as session:
        notes.write(session, about=("purchase", attempt_id), said=poison, by=_actor(seat), now=NOON)

    assert "<img" not in seat.page(f"/console/purchases/{attempt_id}")


def _actor(seat: Seat) -> Actor:
    return Actor(f"operator:{seat.email}", role="finance", via="console")


@pytest.mark.parametrize("path", ["purchases", "quotes", "receipts", "ledger/holds"])
def test_what_there_is_not_is_said_to_be_not_there(console: Console, path: str) -> None:
    assert console.operator("viewer").get(f"/console/{path}/nothing_1").status_code == 404


def test_quote_receipt_transaction_and_hold_have_pages_of_their_own(
    console: Console, market: Market, paid: str
) -> None:
    viewer, receipt = console.operator("viewer"), market.receipt(paid)
    hold_id = market.hold("video", 5)

    assert paid in viewer.page(f"/console/quotes/{receipt.quote_id}")
    assert paid in viewer.page(f"/console/receipts/{receipt.receipt_id}")
    grant = viewer.page(f"/console/ledger/transactions/{receipt.ledger_transaction_id}")
    hold = viewer.page(f"/console/ledger/holds/{hold_id}")

    assert "prepaid_liability" in grant
    assert paid in grant
    assert "job_video" in hold
    assert paid in hold
    assert viewer.get("/console/ledger/transactions/999999").status_code == 404
    assert viewer.get("/console/ledger/transactions/99999999999999999999").status_code == 422


# The list


def test_the_list_is_filtered_and_paged(console: Console, market: Market) -> None:
    viewer = console.operator("viewer")
    bought = [market.shop.buy(market.shop.page, at=NOON + number * MINUTE) for number in range(51)]
    other = market.shop.buy(market.shop.deposit)

    first = viewer.json("/console/purchases", rail="fake_page")
    second = viewer.json("/console/purchases", rail="fake_page", after=first["more"])

    ids = [line["payment_attempt_id"] for line in (*first["lines"], *second["lines"])]
    assert ids == bought[::-1]
    assert second["more"] is None
    assert other in viewer.page("/console/purchases", rail="fake_deposit", day="2026-11-20", state="")
    assert "No purchase is like this." in viewer.page("/console/purchases", day="2020-01-01")


@pytest.mark.parametrize("query", [{"day": "yesterday"}, {"state": "paid"}, {"after": "x"}, {"after": "a~b"}])
def test_a_filter_that_says_nothing_is_refused_and_breaks_nothing(
    console: Console, query: dict[str, str]
) -> None:
    assert console.operator("viewer").get("/console/purchases", **query).status_code in (409, 422)


# What is done


def test_a_look_settles_what_was_paid(console: Console, market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    market.shop.deposit.pay(market.shop.reference(attempt_id))
    support = console.operator("support")

    answer = support.send(f"/console/purchases/{attempt_id}/look")

    assert answer.status_code == 303
    assert market.attempt(attempt_id).state == "succeeded"
    assert audited(console) == [("purchase.look", "asked"), ("purchase.look", "done")]


def test_a_payment_is_canceled_with_a_code_and_a_reason(console: Console, market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)
    finance = console.operator("finance")
    console.clock.now += timedelta(minutes=10)

    without_code = finance.send(f"/console/purchases/{attempt_id}/cancel", reason="twice")
    finance.act(f"/console/purchases/{attempt_id}/cancel", reason="asked for twice")

    assert without_code.status_code == 403
    assert market.attempt(attempt_id).state == "canceled"


def test_money_goes_back_once_however_often_the_form_is_sent(console: Console, paid: str) -> None:
    finance = console.operator("finance")
    form = {"reason": "the agent asked", "key": "refund_form_1", "dollars": "2.50"}

    finance.act(f"/console/purchases/{paid}/refund", **form)
    finance.act(f"/console/purchases/{paid}/refund", **form)

    assert refunds_of(console) == [250]
    assert ("refund.create", "done") in audited(console)


@pytest.mark.parametrize("dollars", ["0", "0.00", "-1", "1e3", "2.505", "NaN", "१", "9" * 15, "2,50"])
def test_a_sum_that_is_none_gives_nothing_back(console: Console, paid: str, dollars: str) -> None:
    finance = console.operator("finance")

    answer = finance.send(
        f"/console/purchases/{paid}/refund",
        reason="why",
        key="refund_form_1",
        dollars=dollars,
        code=finance.code(),
    )

    assert answer.status_code == 422
    assert refunds_of(console) == []


def test_more_than_one_may_give_away_alone_is_to_be_proposed(
    console: Console, paid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "proposals", lambda: ProposalSettings(alone_most_cents=100))
    finance = console.operator("finance")

    answer = finance.send(
        f"/console/purchases/{paid}/refund",
        reason="why",
        key="refund_form_1",
        dollars="2.00",
        code=finance.code(),
    )

    assert answer.status_code == 409
    assert "propose" in answer.text
    assert refunds_of(console) == []


@pytest.mark.parametrize(
    ("doing", "roles"),
    [
        ("look", ("viewer", "admin")),
        ("cancel", ("viewer", "support", "admin")),
        ("refund", ("viewer", "support", "admin")),
    ],
)
def test_who_may_not_is_refused_on_record_and_nothing_happens(
    console: Console, paid: str, doing: str, roles: tuple[Role, ...]
) -> None:
    for role in roles:
        seat = console.operator(role)
        fields = {"reason": "why", "key": "refund_form_1", "code": seat.code()}
        assert seat.send(f"/console/purchases/{paid}/{doing}", **fields).status_code == 403
        assert f'action="/console/purchases/{paid}/{doing}"' not in seat.page(f"/console/purchases/{paid}")
    assert refunds_of(console) == []
    with console.sessions() as session:
        refused = session.exec(select(AuditRow).where(AuditRow.outcome == "refused")).all()
    assert len(refused) == len(roles)


def test_a_form_from_elsewhere_does_nothing(console: Console, paid: str) -> None:
    finance = console.operator("finance")

    answer = finance.http.post(
        f"/console/purchases/{paid}/refund",
        data={"reason": "why", "key": "refund_form_1", "code": finance.code()},
    )

    assert answer.status_code == 403
    assert refunds_of(console) == []


def test_a_note_stands_on_the_page_and_in_the_timeline(console: Console, paid: str) -> None:
    support = console.operator("support")

    support.send("/console/notes", about_kind="purchase", about_id=paid, said="the agent called")

    case = support.json(f"/console/purchases/{paid}")["case"]
    assert [each["said"] for each in case["notes"]] == ["the agent called"]
    assert [event["by"] for event in case["events"] if event["what"] == "note"] == [
        "operator:support@example.com"
    ]


@pytest.mark.parametrize("path", ["purchases/%00", "quotes/%00", "receipts/%00", "ledger/holds/%00"])
def test_what_no_id_can_be_is_refused_and_breaks_nothing(console: Console, path: str) -> None:
    assert console.operator("viewer").get(f"/console/{path}").status_code in (404, 422)


def test_the_signed_receipt_on_its_page_is_the_agents_with_both_witnesses(
    console: Console, market: Market, paid: str
) -> None:
    viewer, receipt, key = console.operator("viewer"), market.receipt(paid), SigningKey.generate()
    page = f"/console/receipts/{receipt.receipt_id}"
    assert "The signed receipt" not in viewer.page(page)

    [mounted] = [
        each.app for each in console.app.routes if isinstance(each, Mount) and each.path == "/console"
    ]
    assert isinstance(mounted, FastAPI)
    mounted.state.house = replace(console.app.state.house, receipt_key=key)
    assert "The signed receipt" not in viewer.page(page), "it is in no seal yet"
    seals.seal_all(console.sessions, now=console.clock.now)
    [jws] = re.findall(r"<pre>([\w-]+\.[\w-]+\.[\w-]+)</pre>", viewer.page(page))

    proven = proof.verify(jws, keys=[key.public])
    assert proven.told is not None
    assert proven.told["receipt_id"] == receipt.receipt_id
    assert [each["source"] for each in proven.told["witnesses"]] == ["stripe", "chain"]
