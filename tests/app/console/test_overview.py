"""The first page: the figures of a period, and what somebody should look at."""

from datetime import timedelta

import pytest

from ledger import credits, seals
from office import figures, switching
from office.actor import Actor
from rails.chain import alarms
from rails.chain.alarms import Kind
from tests.app.conftest import NOON
from tests.app.console.seats import Console
from tests.ledger.story import X402, debit, paid, promotional
from tests.office import troubles
from tests.office.test_funnel import Shop


def fill(console: Console) -> None:
    """Two rails, spends from both, and purchases that came far and not so far."""
    bought = [paid("checkout", 100, priority=1), paid("x402", 50, cents=40, clearing=X402)]
    credits.perform(console.sessions, [*bought, promotional("gift", 7)], now=NOON)
    credits.perform(console.sessions, [debit("d1", 60)], now=NOON)
    shop = Shop(console.sessions, console.rails, now=console.clock.now - timedelta(hours=3))
    shop.quote("fake_page")
    attempt_id, reference = shop.open("fake_deposit")
    opened_at = shop.now
    shop.now += timedelta(seconds=25)
    shop.grant("fake_deposit", attempt_id, reference, opened_at=opened_at)
    seals.seal_all(console.sessions, now=console.clock.now)
    figures.count_all(console.sessions, now=console.clock.now)


def test_the_figures_are_those_of_the_book(console: Console) -> None:
    fill(console)

    told = console.operator("viewer").json("/console/", days=7)["overview"]

    by_rail = dict(told["by_rail"])
    assert told["sums"]["sold"] == {"units": 650, "asset": "CREDIT"}
    assert told["sums"]["received"] == {"units": 640, "asset": "USD"}
    assert (told["sums"]["spent"]["units"], told["sums"]["earned"]["units"]) == (60, 43)
    assert (told["outstanding"]["units"], told["owed"]["units"]) == (597, 597)
    assert by_rail["stripe_x402.exact.usdc"]["earned"]["units"] == 40
    assert by_rail["promotional"]["given"]["units"] == 7
    funnels = {each["rail_id"]: each for each in told["funnels"]}
    assert [funnels["fake_page"][step] for step in ("quotes", "attempts", "paid", "granted")] == [1, 0, 0, 0]
    assert [funnels["fake_deposit"][step] for step in ("quotes", "attempts", "paid", "granted")] == [1] * 4
    assert funnels["fake_deposit"]["half_within_seconds"] == 30


@pytest.mark.parametrize("days", [7, 30, 90])
def test_every_measure_has_a_value_for_every_day_and_ends_with_what_is_owed(
    console: Console, days: int
) -> None:
    fill(console)

    told = console.operator("viewer").json("/console/", days=days)["overview"]

    dailies = {each["measure"]: each for each in told["dailies"]}
    assert set(dailies) == {"sold", "spent", "owed", "earned"}
    for each in dailies.values():
        assert len(each["days"]) >= days
        assert {len(one["values"]) for one in each["series"]} == {len(each["days"])}
    for measure, total in (("sold", 650), ("spent", 60), ("earned", 43)):
        values = [value["units"] for one in dailies[measure]["series"] for value in one["values"]]
        assert sum(values) == total
    assert sum(one["values"][-1]["units"] for one in dailies["owed"]["series"]) == 597
    assert sum(one["values"][0]["units"] for one in dailies["owed"]["series"]) == 0


def test_the_page_draws_and_tells_the_same_numbers(console: Console) -> None:
    fill(console)

    page = console.operator("viewer").page("/console/")

    assert page.count('data-chart="chart-') == 4
    assert page.count("as a table</summary>") == 4
    assert "650 CREDIT" in page
    assert "6.40 USD" in page
    assert "<script>" not in page
    assert " style=" not in page


def test_an_empty_house_says_so(console: Console) -> None:
    page = console.operator("viewer").page("/console/")

    assert "Nothing was booked in this period" in page
    assert "Nobody asked for a quote" in page
    assert "No alarm" in page
    assert "Nothing waits for a decision" in page
    assert "never: the workers count" in page


def test_another_period_than_the_three_is_refused(console: Console) -> None:
    answer = console.operator("viewer").get("/console/", days=36500)

    assert answer.status_code == 422


def test_alerts_lead_to_where_they_are_handled(console: Console) -> None:
    fill(console)
    with console.sessions() as session:
        alarms.ring(session, Kind.HEAD_AGE, "the head is 90 s old", chain_id=84532, now=NOON)
        switching.turn_off(session, Actor("ann"), rail_id="fake_page", reason="closed", now=NOON)

    seat = console.operator("viewer")
    page, told = seat.page("/console/"), seat.json("/console/")

    rung = {each["kind"]: each for each in told["alerts"]}
    assert {"chain_alarm", "rail_off"} <= set(rung)
    assert [each["gravity"] for each in told["alerts"]] == sorted(each["gravity"] for each in told["alerts"])
    assert '<a href="/console/rails#chain">chain alarm</a>' in page
    assert '<a href="/console/rails">rail off</a>' in page
    assert "the head is 90 s old" in page
    assert rung["rail_off"]["subject"] == "fake_page"


def test_what_waits_for_a_decision_is_counted_and_linked(console: Console) -> None:
    troubles.excepted(console.sessions, console.deposit, now=console.clock.now)

    page = console.operator("viewer").page("/console/")

    assert '<a href="/console/exceptions">1 exception</a>' in page
    assert "Nothing waits for a decision" not in page
    assert "proposals" not in page[page.index("To decide:") : page.index("7 days")]
