"""Who comes in, who does not, and for how long."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from app.console.visit import KIND
from office.models import AuditRow
from tests.app.console.seats import PASSWORD, Console


def actions(console: Console) -> list[tuple[str, str]]:
    """What the audit log has, in order."""
    with console.sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
        return [(row.action, row.outcome) for row in rows]


def test_whoever_is_not_signed_in_is_led_there_and_back(console: Console) -> None:
    stranger = console.client()
    answer = stranger.get("/console/sessions?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?on=/console/sessions%3Fx%3D1"
    assert stranger.get("/console/sessions", headers={"accept": "application/json"}).status_code == 401


def test_password_and_code_open_a_session(console: Console) -> None:
    seat = console.enrolled("finance", "ada@example.com")
    answer = seat.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "Ada" in seat.page("/console/sessions")
    assert actions(console)[-1] == ("session.open", "done")


@pytest.mark.parametrize("wrong", ["email", "password", "code"])
def test_anything_wrong_is_refused_in_the_same_words(console: Console, wrong: str) -> None:
    seat = console.enrolled("finance", "ada@example.com")
    fields = {"email": seat.email, "password": PASSWORD, "code": seat.code()}
    fields[wrong] = {"email": "bob@example.com", "password": "no" * 8, "code": "000000"}[wrong]
    answer = seat.http.post("/console/sign-in", data=fields)
    assert answer.status_code == 401
    assert "email, password or code is wrong" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_code_counts_once(console: Console) -> None:
    seat = console.enrolled("finance", "ada@example.com")
    fields = {"email": seat.email, "password": PASSWORD, "code": seat.code()}
    assert seat.http.post("/console/sign-in", data=fields).status_code == 303
    assert seat.http.post("/console/sign-in", data=fields).status_code == 401


def test_too_many_wrong_ones_lock_for_a_while(console: Console) -> None:
    seat = console.enrolled("finance", "ada@example.com")
    for _ in range(5):
        wrong = {"email": seat.email, "password": "wrong" * 4, "code": "000000"}
        assert seat.http.post("/console/sign-in", data=wrong).status_code == 401
    assert "too many wrong tries" in seat.sign_in().text
    console.clock.now += timedelta(minutes=1)
    assert seat.sign_in().status_code == 303


def test_a_session_ends_by_idling_and_absolutely(console: Console) -> None:
    seat = console.operator("viewer")
    console.clock.now += timedelta(minutes=29)
    assert seat.get("/console/sessions").status_code == 200
    console.clock.now += timedelta(minutes=29)
    assert seat.get("/console/sessions").status_code == 200
    console.clock.now += timedelta(minutes=30)
    assert seat.get("/console/sessions").status_code == 303
    seat.sign_in()
    for _ in range(26):
        console.clock.now += timedelta(minutes=28)
        last = seat.get("/console/sessions").status_code
    assert last == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(console: Console) -> None:
    seat = console.operator("viewer")
    kept = dict(seat.http.cookies)
    assert seat.send("/console/sign-out").status_code == 303
    seat.http.cookies.update(kept)
    assert seat.get("/console/sessions").status_code == 303


def test_a_machine_gets_a_token_and_needs_no_form(console: Console) -> None:
    seat = console.enrolled("finance", "ada@example.com")
    fields = {"email": seat.email, "password": PASSWORD, "code": seat.code()}
    asks = {"accept": "application/json"}
    token = seat.http.post("/console/sign-in", data=fields, headers=asks).json()["token"]
    assert token.startswith(KIND)
    seat.http.cookies.clear()
    shows = {**asks, "authorization": f"Bearer {token}"}
    told = seat.http.get("/console/sessions", headers=shows).json()
    assert [each["via"] for each in told["sessions"]] == ["ops"]
    assert seat.http.post("/console/sign-out", headers=shows).status_code == 200
    assert seat.http.get("/console/sessions", headers=shows).status_code == 401


def test_a_form_of_another_site_does_nothing(console: Console) -> None:
    seat = console.operator("viewer")
    token = seat.form_token()
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = seat.http.post("/console/sign-out", data={"form_token": token}, headers=headers)
        assert answer.status_code == 403
    assert seat.http.post("/console/sign-out", data={"form_token": "0" * 64}).status_code == 403
    assert seat.http.post("/console/sign-out").status_code == 403
    assert seat.get("/console/sessions").status_code == 200


def test_nobody_is_led_out_of_the_console(console: Console) -> None:
    seat = console.enrolled("viewer", "ada@example.com")
    for on in ("https://evil.example/", "//evil.example", "/console//evil.example", "/\\evil", "/v1/quota"):
        fields = {"email": seat.email, "password": PASSWORD, "code": seat.code(), "on": on}
        answer = seat.http.post("/console/sign-in", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


def test_every_answer_carries_the_headers(console: Console) -> None:
    for path in ("/console/sign-in", "/console/sessions", "/console/nothing", "/console/static/console.css"):
        headers = console.client().get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
    assert console.client().get("/console/sign-in").headers["cache-control"] == "no-store"


def test_a_body_no_form_of_ours_could_send_is_refused(console: Console) -> None:
    answer = console.client().post("/console/sign-in", data={"email": "a" * 100_000})
    assert answer.status_code == 413


def test_a_wrong_code_for_what_moves_money_is_on_record_as_such(console: Console) -> None:
    seat = console.operator("finance")
    console.clock.now += timedelta(minutes=6)
    answer = seat.send("/console/periods/2026-10/prepare", reason="it is over", code="000000")
    assert answer.status_code == 403
    assert actions(console)[-1] == ("session.step_up", "refused")
