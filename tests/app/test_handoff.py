"""The short address that a person opens. Numbers are rows of the contract."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urljoin

import pytest

from ledger.money import USD, Amount
from rails import purchase, schedule
from tests.app.conftest import Doors, Json

MONEY_SEEN: Mapping[Callable[[Doors, str], None], str] = {
    lambda doors, reference: doors.page.pay(reference): "Payment received",
    lambda doors, reference: doors.page.arrive(reference): "being checked",
    lambda doors, reference: doors.page.pay_wrongly(
        reference, "mismatch", received=Amount(499, USD)
    ): "being checked",
}


def page(doors: Doors) -> Json:
    agent = doors.agent()
    return agent.buy(agent.quote(payment_method="fake_page"))


def test_row_101_the_redirect_is_the_stored_address_byte_for_byte_and_needs_no_token(doors: Doors) -> None:
    bought = page(doors)

    response = doors.http.get(f"/pay/{bought['payment_attempt_id']}")

    assert response.status_code == 302
    assert response.headers["location"] == bought["checkout_url"]
    assert bought["checkout_url"].endswith("#fid|{'a^b'}%2F%7c+\\~end")
    assert response.headers["cache-control"] == "no-store"


def test_row_102_a_paid_attempt_still_redirects_until_it_expires(doors: Doors) -> None:
    bought = page(doors)
    attempt_id = bought["payment_attempt_id"]
    doors.page.pay(doors.reference(attempt_id))
    doors.settle(attempt_id)

    paid = doors.http.get(f"/pay/{attempt_id}")
    doors.clock.now += timedelta(hours=2)
    expired = doors.http.get(f"/pay/{attempt_id}")

    assert (paid.status_code, paid.headers["location"]) == (302, bought["checkout_url"])
    assert "location" not in expired.headers


def test_row_103_unknown_attempts_and_deposits_lead_to_a_small_page(doors: Doors) -> None:
    agent = doors.agent()
    deposit = agent.buy(agent.quote())["payment_attempt_id"]

    for unknown in (deposit, "payatt_none", "%00", "a%2Fb", "<script>alert(1)</script>"):
        response = doors.http.get(f"/pay/{unknown}")

        assert response.status_code == 404
        assert "location" not in response.headers
        assert "script>" not in response.text


@pytest.mark.parametrize(
    ("end", "words"), [("done", "Thank you"), ("canceled", "No payment has reached us so far")]
)
def test_a_person_who_comes_back_finds_a_friendly_page(doors: Doors, end: str, words: str) -> None:
    attempt_id = page(doors)["payment_attempt_id"]

    response = doors.http.get(f"/pay/{attempt_id}/{end}")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert 'name="viewport"' in response.text
    for shown in (words, "Pennyrail", "$5.00", "Fake Page"):
        assert shown in response.text


def test_a_person_who_turned_back_finds_the_way_to_pay(doors: Doors) -> None:
    bought = page(doors)
    turned_back = f"{doors.url}/pay/{bought['payment_attempt_id']}/canceled"

    link = re.findall(r'href="([^"]+)"', doors.http.get(turned_back).text)
    followed = doors.http.get(urljoin(turned_back, link[0]))

    assert (followed.status_code, followed.headers["location"]) == (302, bought["checkout_url"])


@pytest.mark.parametrize("end", ["done", "canceled"])
def test_the_style_of_a_page_is_the_one_that_its_policy_allows(doors: Doors, end: str) -> None:
    response = doors.http.get(f"/pay/{page(doors)['payment_attempt_id']}/{end}")

    style = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)[0]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{allowed}'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("end", ["done", "canceled"])
@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=2)])
def test_a_person_whose_money_was_seen_is_told_so_and_not_to_pay_again(
    doors: Doors, end: str, later: timedelta
) -> None:
    for happen, words in MONEY_SEEN.items():
        attempt_id = page(doors)["payment_attempt_id"]
        happen(doors, doors.reference(attempt_id))
        doors.settle(attempt_id)
        doors.clock.now += later

        response = doors.http.get(f"/pay/{attempt_id}/{end}")

        assert (response.status_code, words in response.text) == (200, True), response.text
        assert "Do not pay again" in response.text
        assert "href" not in response.text


def test_a_link_that_expired_after_it_was_paid_says_that_it_was_paid(doors: Doors) -> None:
    attempt_id = page(doors)["payment_attempt_id"]
    doors.page.pay(doors.reference(attempt_id))
    doors.settle(attempt_id)
    doors.clock.now += timedelta(hours=2)

    response = doors.http.get(f"/pay/{attempt_id}")

    assert (response.status_code, "Payment received" in response.text) == (200, True)


def test_a_closed_payment_claims_nothing_about_money_and_leads_nowhere(doors: Doors) -> None:
    expired, declined = page(doors)["payment_attempt_id"], page(doors)["payment_attempt_id"]
    doors.page.fail(doors.reference(declined))
    doors.settle(declined)
    turned_back = doors.http.get(f"/pay/{declined}/canceled")
    doors.clock.now += timedelta(hours=2)

    for response in (turned_back, *(doors.http.get(f"/pay/{expired}{end}") for end in ("", "/canceled"))):
        assert (response.status_code, "has expired" in response.text) == (410, True)
        assert "charged" not in response.text
        assert "href" not in response.text


@pytest.mark.parametrize("end", ["done", "canceled"])
def test_nobody_comes_back_from_a_payment_that_never_was_or_has_no_page(doors: Doors, end: str) -> None:
    agent = doors.agent()
    deposit = agent.buy(agent.quote())["payment_attempt_id"]

    for unknown in ("payatt_none", deposit):
        assert doors.http.get(f"/pay/{unknown}/{end}").status_code == 404


def test_coming_back_from_the_page_has_the_payment_looked_at_and_a_head_start_for_nobody_else(
    doors: Doors,
) -> None:
    attempt_id, other = page(doors)["payment_attempt_id"], page(doors)["payment_attempt_id"]
    doors.page.pay(doors.reference(attempt_id))
    doors.clock.now += timedelta(seconds=1)

    doors.http.get(f"/pay/{attempt_id}/done")

    with doors.sessions() as session:
        due = schedule.due(session, now=doors.clock.now)
    assert due == [attempt_id]
    assert other not in due


def test_a_canceled_payment_leads_nowhere_any_more(doors: Doors) -> None:
    attempt_id = page(doors)["payment_attempt_id"]
    purchase.cancel(
        doors.sessions, doors.rails, payment_attempt_id=attempt_id, reason="asked to", now=doors.clock.now
    )

    response = doors.http.get(f"/pay/{attempt_id}")

    assert response.status_code == 410
    assert "location" not in response.headers


def test_coming_back_decides_nothing_by_itself(doors: Doors) -> None:
    agent = doors.agent()
    bought = agent.buy(agent.quote(payment_method="fake_page"))

    doors.http.get(f"/pay/{bought['payment_attempt_id']}/done")
    doors.settle(bought["payment_attempt_id"])

    assert agent.status(payment_attempt_id=bought["payment_attempt_id"])["state"] == "action_required"
    assert agent.balance() == 0
