"""Inviting, enrolling, changing and disabling the people of the house."""

import html
import re
from datetime import timedelta

from sqlmodel import col, select

from office import proofs, sessions
from office.models import AuditRow, Operator
from tests.app.console.seats import Console, Seat


def invited(admin: Seat, **fields: str) -> str:
    """The invitation that an admin is shown."""
    given = {"email": "new@example.com", "name": "New", "role": "finance", **fields}
    found = re.search(r"pninv-[\w-]+", admin.act("/console/operators", **given).text)
    assert found is not None
    return found[0]


def enrol(console: Console, invitation: str, **changed: str) -> int:
    """Enrol as the page's form does; the status of the answer."""
    browser = console.client()
    page = browser.get("/console/enrol").text
    secret = re.search(r'<code class="secret">(\w+)</code>', page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert secret is not None
    assert sealed is not None
    fields = {
        "email": "new@example.com",
        "invitation": invitation,
        "password": "a long password",
        "again": "a long password",
        "sealed": html.unescape(sealed[1]),
        "code": proofs.code(secret[1], now=console.clock.now),
        **changed,
    }
    return browser.post("/console/enrol", data=fields).status_code


def test_an_invitation_is_used_once(console: Console) -> None:
    invitation = invited(console.operator("admin"))
    assert enrol(console, invitation) == 303
    assert enrol(console, invitation) == 409


def test_a_wrong_invitation_code_or_weak_password_enrols_nobody(console: Console) -> None:
    invitation = invited(console.operator("admin"))
    assert enrol(console, "pninv-made-up") == 409
    assert enrol(console, invitation, email="other@example.com") == 409
    assert enrol(console, invitation, code="000000") == 403
    assert enrol(console, invitation, password="short", again="short") == 409
    assert enrol(console, invitation, again="something else") == 422
    assert enrol(console, invitation) == 303


def test_only_an_admin_with_a_code_invites(console: Console) -> None:
    fields = {"email": "new@example.com", "name": "New", "role": "admin"}
    admin, approver = console.operator("admin"), console.operator("approver")
    assert approver.send("/console/operators", **fields).status_code == 403
    with console.sessions() as session:
        last = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
        assert last is not None
        assert (last.action, last.outcome, last.role) == ("forbidden.operators", "refused", "approver")
    console.clock.now += timedelta(minutes=6)
    answer = admin.send("/console/operators", **fields)
    assert answer.status_code == 403
    assert "code" in answer.text
    assert admin.act("/console/operators", **fields).status_code == 200


def test_a_disabled_operator_is_out_at_once(console: Console) -> None:
    admin, viewer = console.operator("admin"), console.operator("viewer")
    with console.sessions() as session:
        found = session.exec(select(Operator).where(Operator.email == viewer.email)).one()
        operator_id = found.operator_id
    admin.act(f"/console/operators/{operator_id}/disable", reason="left the house")
    assert viewer.get("/console/sessions").status_code == 303
    assert viewer.sign_in().status_code == 401
    admin.act(f"/console/operators/{operator_id}/enable", reason="came back")
    assert viewer.sign_in().status_code == 303


def test_a_role_changes_from_the_next_request_on_and_the_last_admin_stays(console: Console) -> None:
    admin, viewer = console.operator("admin"), console.operator("viewer")
    people = {each["email"]: each["operator_id"] for each in admin.json("/console/operators")["people"]}
    admin.act(f"/console/operators/{people[viewer.email]}/role", role="support", reason="helps out")
    assert "support" in viewer.page("/console/sessions")
    answer = admin.send(
        f"/console/operators/{people[admin.email]}/disable", reason="tired", code=admin.code()
    )
    assert answer.status_code == 409
    assert "last admin" in answer.text


def test_hashes_and_sealed_secrets_are_never_told(console: Console) -> None:
    admin = console.operator("admin")
    told = str(admin.json("/console/operators")) + admin.page("/console/operators")
    for secret in ("argon2", "totp", "password_hash", admin.secret):
        assert secret not in told


def test_nobody_changes_their_own_role(console: Console) -> None:
    admin, other = console.operator("admin"), console.operator("admin", "other@example.com")
    people = {each["email"]: each["operator_id"] for each in admin.json("/console/operators")["people"]}
    mine = f"/console/operators/{people[admin.email]}/role"
    answer = admin.send(mine, role="approver", reason="for a moment", code=admin.code())
    assert answer.status_code == 409
    assert "their own role" in answer.text
    assert other.act(mine, role="approver", reason="moves to finance").status_code == 303


def test_who_enrols_anew_is_signed_in_nowhere_else(console: Console) -> None:
    admin, viewer = console.operator("admin"), console.operator("viewer")
    people = {each["email"]: each["operator_id"] for each in admin.json("/console/operators")["people"]}
    again = f"/console/operators/{people[viewer.email]}/invite-again"
    found = re.search(r"pninv-[\w-]+", admin.act(again, reason="lost the password").text)
    assert found is not None
    assert viewer.get("/console/sessions").status_code == 200
    assert enrol(console, found[0], email=viewer.email) == 303
    assert viewer.get("/console/sessions").status_code == 303


def test_every_session_of_an_operator_ends_however_many_there_are(console: Console) -> None:
    admin, viewer = console.operator("admin"), console.operator("viewer")
    came = sessions.From("ops", "127.0.0.1", "tests")
    with console.sessions() as session:
        found = session.exec(select(Operator).where(Operator.email == viewer.email)).one()
        operator_id = found.operator_id
        for number in range(60):
            sessions.begin(
                session,
                found,
                method="password",
                token_hash=number.to_bytes(32),
                came=came,
                settings=console.desk.settings,
                now=console.clock.now,
            )
    assert viewer.get("/console/sessions").status_code == 200
    admin.act(f"/console/operators/{operator_id}/end-sessions")
    assert viewer.get("/console/sessions").status_code == 303
