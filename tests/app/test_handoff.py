"""The short address that a person opens. Numbers are rows of the contract."""

from datetime import timedelta

import pytest

from tests.app.conftest import Doors, Json


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
    assert expired.status_code == 410
    assert "location" not in expired.headers


def test_row_103_unknown_attempts_and_deposits_lead_to_a_small_page(doors: Doors) -> None:
    agent = doors.agent()
    deposit = agent.buy(agent.quote())["payment_attempt_id"]

    for unknown in (deposit, "payatt_none", "%00", "a%2Fb", "<script>alert(1)</script>"):
        response = doors.http.get(f"/pay/{unknown}")

        assert response.status_code == 404
        assert "location" not in response.headers
        assert "script>" not in response.text


@pytest.mark.parametrize(("end", "words"), [("done", "Thank you"), ("canceled", "Nothing was charged")])
def test_a_person_who_comes_back_finds_a_friendly_page_that_shows_no_ids(
    doors: Doors, end: str, words: str
) -> None:
    attempt_id = page(doors)["payment_attempt_id"]

    response = doors.http.get(f"/pay/{attempt_id}/{end}")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert 'name="viewport"' in response.text
    assert words in response.text
    assert attempt_id not in response.text


@pytest.mark.parametrize("end", ["done", "canceled"])
def test_nobody_comes_back_from_a_payment_that_never_was(doors: Doors, end: str) -> None:
    assert doors.http.get(f"/pay/payatt_none/{end}").status_code == 404
