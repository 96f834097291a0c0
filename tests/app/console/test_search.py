"""The search box on every page: where it leads, what it lists, and what is suggested."""

import pytest

from tests.app.console.seats import Console, Seat
from tests.office.market import WALLET, Market


@pytest.fixture
def market(console: Console) -> Market:
    made = Market(console.sessions)
    made.shop.page, made.shop.deposit = console.page, console.deposit
    return made


@pytest.fixture
def viewer(console: Console) -> Seat:
    return console.operator("viewer")


def test_an_id_leads_straight_to_its_page(viewer: Seat, market: Market) -> None:
    attempt_id = market.shop.grant(market.shop.deposit)
    tx_hash = market.transfer(attempt_id, 1)

    for known in (attempt_id, tx_hash, market.receipt(attempt_id).receipt_id):
        answer = viewer.get("/console/search", q=known)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/purchases/{attempt_id}")


def test_a_machine_is_told_where_it_is(viewer: Seat, market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)

    found = viewer.json("/console/search", q=attempt_id)

    assert found["location"] == f"/console/purchases/{attempt_id}"
    assert [each["key"] for each in found["groups"]["purchase"]] == [attempt_id]


def test_several_are_listed_with_what_each_is(viewer: Seat, market: Market) -> None:
    bought = [market.shop.buy(market.shop.deposit) for _ in range(2)]
    for number, attempt_id in enumerate(bought):
        market.transfer(attempt_id, number)

    page = viewer.page("/console/search", q=WALLET)

    for attempt_id in bought:
        assert f"/console/purchases/{attempt_id}" in page
    assert "paid from this wallet" in page


def test_nothing_found_says_what_the_box_understands(viewer: Seat) -> None:
    page = viewer.page("/console/search", q="evt_nobody")

    assert "Nothing here has this id" in page
    assert "transaction hash" in page


def test_what_was_typed_is_never_markup(viewer: Seat, market: Market) -> None:
    typed = '"><script>alert(1)</script>'

    assert "<script>alert" not in viewer.page("/console/search", q=typed)
    assert "<script>alert" not in viewer.page("/console/search/suggestions", q=typed)


def test_suggestions_are_a_few_links_and_nothing_else(viewer: Seat, market: Market) -> None:
    attempt_id = market.shop.buy(market.shop.deposit)

    part = viewer.page("/console/search/suggestions", q=attempt_id[:14])

    assert f'href="/console/purchases/{attempt_id}"' in part
    assert "<html" not in part
    assert viewer.page("/console/search/suggestions", q="").strip() == ""


def test_nobody_searches_without_signing_in(console: Console) -> None:
    answer = console.client().get("/console/search", params={"q": "payatt_1"})

    assert (answer.status_code, answer.headers["location"][:16]) == (303, "/console/sign-in")
