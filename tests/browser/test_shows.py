"""What finance operators come for, done in a browser over the whole house."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlmodel import Session

from ledger import book as ledger_book
from ledger import chart
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from office.exports.catalogue import DATA_SETS, FORMATS
from sandbox.house import House
from tests.browser import stock, work
from tests.browser.conftest import Somebody

MAY_BE_EMPTY = ("exceptions", "reversals", "reconciliation", "deliveries")


def test_a_purchase_is_found_by_its_transaction_hash(home: House, somebody: Somebody) -> None:
    bought, ada = stock.bought(home), somebody("viewer")
    page = ada.go("/console/")

    page.keyboard.press("/")
    page.keyboard.type(bought.transaction_hash)
    page.keyboard.press("Enter")

    page.wait_for_url("**/console/purchases/*")
    assert bought.payment_attempt_id in page.url
    expect(page.get_by_text(bought.transaction_hash).first).to_be_attached()
    for witness in ("stripe", "chain"):
        expect(page.locator("main")).to_contain_text(witness)


def test_an_underpayment_is_resolved(home: House, somebody: Somebody) -> None:
    number, ada = stock.underpaid(home), somebody("finance")
    page = ada.go("/console/exceptions")
    page.locator(f"main a[href='/console/exceptions/{number}']").first.click()

    form = page.locator("#credit form")
    form.get_by_label("Reason").fill("the wallet kept ten cents for gas; credited what came")
    ada.press(form, "Credit")

    ada.go(f"/console/exceptions/{number}")
    expect(page.locator("main")).to_contain_text(f"by operator:{ada.email}: credit")
    expect(page.locator("main")).to_contain_text("the wallet kept ten cents for gas")


def test_an_adjustment_takes_two_people(home: House, somebody: Somebody) -> None:
    bought = stock.bought(home)
    maker, checker = somebody("approver"), somebody("approver")
    lapse_after = f"{datetime.now(UTC).year + 1}-06-30"
    proposal = work.propose(maker, agent_id=bought.agent_id, credits="250", lapse_after=lapse_after)
    page = maker.page

    expect(page.locator("main")).to_contain_text("You cannot decide this")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    token = page.locator("input[name=form_token]").first.get_attribute("value") or ""
    refused = page.request.post(
        f"{maker.url}{proposal}/approve",
        form={"form_token": token, "reason": "I say so", "code": maker.app.code()},
        headers={"accept": "application/json"},
    )
    assert refused.status in (403, 409), refused.text()

    seen = checker.go(proposal)
    expect(seen.locator("main")).to_contain_text("250")
    form = seen.locator("form[action$='/approve']")
    form.get_by_label("Why it is right").fill("the ticket says so")
    checker.press(form, "Approve")
    expect(checker.go(proposal).locator("main")).to_contain_text("approved")
    expect(checker.go(f"/console/agents/{bought.agent_id}").locator("main")).to_contain_text("770")


def test_a_reconciliation_run_finds_a_planted_break(
    home: House, sessions: Sessions, somebody: Somebody
) -> None:
    stock.paid_on_a_page(home)
    with sessions() as session:
        _plant(session)
    ada = somebody("finance")
    items = "a[href^='/console/reconciliation/items/']"
    work.reconcile(ada, until=items)

    page = ada.page
    page.locator(items).first.click()
    expect(page.locator("main")).to_contain_text("0.77 USD")
    form = page.locator("form[action$='/explain']")
    form.get_by_label("Reason").fill("planted by hand, and known")
    ada.press(form, "Explain and close")


def test_a_month_is_closed_by_two_people(somebody: Somebody) -> None:
    month = f"{stock.last_month():%Y-%m}"
    maker, checker = somebody("finance"), somebody("approver")
    page = maker.go(f"/console/periods/{month}")
    form = page.locator("form[action$='/prepare']")
    form.get_by_label("Reason").fill("looked at every check; the warnings are of tests")
    maker.press(form, "Prepare")
    expect(maker.go(f"/console/periods/{month}").locator("main")).to_contain_text("Another person")

    seen = checker.go(f"/console/periods/{month}")
    checker.press(seen.locator("form[action$='/confirm']"), f"Close {month} for ever")
    expect(checker.go(f"/console/periods/{month}").get_by_role("heading", level=1)).to_have_text(
        f"{month}: closed"
    )


@pytest.mark.timeout(600)
def test_every_export_is_downloaded(home: House, somebody: Somebody, tmp_path: Path) -> None:
    agent = stock.bought(home).agent_id
    ada = somebody("finance")
    wanted = [
        (data_set, form)
        for data_set in DATA_SETS
        for form in FORMATS.values()
        if form.only in (None, data_set)
    ]
    for data_set, form in wanted:
        of_one = {"agent_id": agent, "begins": f"{stock.last_month():%Y-%m-01}"}
        work.export(ada, data_set, form.name, **(of_one if data_set == "statement" else {}))
    work.exported(ada, len(wanted))
    endings: list[str] = []
    for at in range(len(wanted)):
        # Chromium asks a person before the eleventh download of one tab, and here is none to ask.
        with ada.page.context.new_page() as tab:
            tab.goto(ada.page.url)
            with tab.expect_download() as waiting:
                tab.locator("a[download]").nth(at).click()
        file = tmp_path / f"{len(endings)}-{waiting.value.suggested_filename}"
        waiting.value.save_as(file)
        assert file.stat().st_size > 0 or any(each in file.name for each in MAY_BE_EMPTY), file
        endings.append(file.suffix.removeprefix("."))
    assert sorted(endings) == sorted(form.ending for _, form in wanted)


def _plant(session: Session) -> None:
    """Book 77 cents into what lies at Stripe, of which Stripe knows nothing."""
    ledger_book.post(
        session,
        Posting(
            reference="planted:break",
            kind="correction",
            legs=(
                Leg(chart.processor("stripe"), Amount(-77, USD)),
                Leg(chart.UNCLAIMED, Amount(77, USD)),
            ),
            effective_at=datetime.now(UTC),
            actor="tests",
        ),
    )
