"""Every page and every action of the console, found by walking it: none is forgotten, whoever adds it."""

import re
from dataclasses import dataclass

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlmodel import col, select
from starlette.routing import Mount

from app.console import routes
from office import roles
from office.models import AuditRow
from tests.app.console.seats import Console, Seat

# Whoever is not signed in yet.
STRANGERS = {"/sign-in", "/enrol", "/sso/start", "/sso/back"}
# What everybody does with one's own session.
OWN = {"/sign-out", "/step-up", "/sessions/{session_id}/end", "/sessions/end-others"}
# What changes nothing, and is a form only because it takes its time.
READS = {"/periods/{month}/preview", "/periods/{month}/verify"}
JSON = {"accept": "application/json"}
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
PLAUSIBLE = {"month": "2026-10", "day": "2026-11-20"}


@dataclass(frozen=True)
class Way:
    """A method and a path of the console."""

    method: str
    template: str

    @property
    def path(self) -> str:
        """The path with a month, a day or a number wherever one belongs."""
        return "/console" + PARAMETER.sub(lambda found: PLAUSIBLE.get(found[1], "1"), self.template)


def ways(method: str) -> list[Way]:
    """Every way in by this method, but for those of strangers."""
    found = [
        Way(method, route.path)
        for router in routes.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ()) and route.path not in STRANGERS
    ]
    assert found
    return found


def refusals(console: Console, path: str) -> list[AuditRow]:
    """What the audit log has of refusals there."""
    with console.sessions() as session:
        rows = select(AuditRow).where(AuditRow.about_id == path, AuditRow.outcome == "refused")
        return list(session.exec(rows.order_by(col(AuditRow.audit_id))))


def code_of(answer: httpx.Response) -> str:
    """The code of a refusal."""
    return str(answer.json().get("error", {}).get("code"))


@pytest.fixture
def viewer(console: Console) -> Seat:
    """Somebody who may look and do nothing."""
    return console.operator("viewer")


def test_nothing_is_served_that_the_list_of_routers_does_not_name(console: Console) -> None:
    mounted = next(route for route in console.app.routes if getattr(route, "path", "") == "/console")
    assert isinstance(mounted, Mount)
    served = [getattr(route, "original_router", route) for route in mounted.routes]
    assert [route.path for route in served if isinstance(route, Mount)] == ["/static"]
    assert [route for route in served if not isinstance(route, Mount)] == list(routes.ROUTERS)
    for router in routes.ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute), route
            assert set(route.methods or ()) <= {"GET", "POST"}, route


def test_a_viewer_who_tries_an_action_is_refused_and_on_record(console: Console, viewer: Seat) -> None:
    token = viewer.form_token()
    for way in ways("POST"):
        if way.template in OWN | READS:
            continue
        answer = viewer.http.post(way.path, data={"form_token": token, "reason": "let me"}, headers=JSON)
        assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN"), way
        row = refusals(console, way.path)[-1]
        assert (row.actor, row.role, row.via) == (f"operator:{viewer.email}", "viewer", "console"), way
        assert row.action.startswith("forbidden."), way


def test_every_role_is_refused_what_it_may_not(console: Console, viewer: Seat) -> None:
    needed = {}
    for way in ways("POST"):
        if way.template not in OWN | READS:
            viewer.http.post(way.path, data={"form_token": viewer.form_token()}, headers=JSON)
            needed[way] = refusals(console, way.path)[-1].action.removeprefix("forbidden.")
    for role in ("support", "finance", "approver", "admin"):
        seat = console.operator(role)
        token = seat.form_token()
        for way, permission in needed.items():
            if permission not in roles.PERMISSIONS[role]:
                answer = seat.http.post(way.path, data={"form_token": token}, headers=JSON)
                assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN"), (role, way)


@pytest.mark.parametrize("role", ["approver", "admin"])
def test_no_action_is_done_without_the_token_of_the_form_or_from_another_site(
    console: Console, role: roles.Role
) -> None:
    seat = console.operator(role)
    own = {"form_token": seat.form_token()}
    for way in ways("POST"):
        for form, headers in (
            ({}, {}),
            ({"form_token": "0" * 64}, {}),
            (own, {"origin": "https://evil.example"}),
            (own, {"origin": "null"}),
            (own, {"sec-fetch-site": "cross-site"}),
        ):
            answer = seat.http.post(way.path, data=form, headers={**JSON, **headers})
            assert (answer.status_code, code_of(answer)) == (403, "FOREIGN_FORM"), (way, form, headers)
    assert seat.get("/console/sessions").status_code == 200


def test_whoever_is_not_signed_in_sees_nothing_and_does_nothing(console: Console) -> None:
    stranger = console.client()
    for way in ways("GET"):
        answer = stranger.get(way.path)
        assert answer.status_code == 303, way
        assert answer.headers["location"].startswith("/console/sign-in?on="), way
        assert stranger.get(way.path, headers=JSON).status_code == 401, way
    for way in ways("POST"):
        answer = stranger.post(way.path, data={"form_token": "0" * 64})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in"), way


def test_a_wrong_bearer_token_is_nobody(console: Console) -> None:
    for token in ("pnop_", "pnop_" + "a" * 43, "nonsense"):
        shown = {**JSON, "authorization": f"Bearer {token}"}
        for way in ways("GET"):
            assert console.client().get(way.path, headers=shown).status_code == 401, (way, token)


def test_every_answer_forbids_frames_scripts_of_others_and_caches(console: Console, viewer: Seat) -> None:
    for browser in (viewer.http, console.client()):
        for way in ways("GET") + ways("POST"):
            answer = browser.request(way.method, way.path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, way
            assert "frame-ancestors 'none'" in policy, way
            assert "unsafe" not in policy, way
            assert answer.headers["x-frame-options"] == "DENY", way
            assert answer.headers["x-content-type-options"] == "nosniff", way
            assert answer.headers["cache-control"] == "no-store", way
            assert answer.headers["referrer-policy"] == "same-origin", way


def test_no_page_breaks_for_an_id_that_does_not_exist(console: Console) -> None:
    seats = [console.operator(role) for role in ("approver", "admin")]
    for way in ways("GET"):
        answers = [seat.get(way.path).status_code for seat in seats]
        assert set(answers) & {200, 303, 404, 409, 422}, (way, answers)
        assert max(answers) < 500, (way, answers)


def test_no_page_breaks_for_what_nobody_would_type(console: Console) -> None:
    seats = [console.operator(role) for role in ("approver", "admin")]
    for way in ways("GET"):
        for wrong in ("%00", "-1", "9" * 30, "..%2f..%2fetc", "%F0%9F%92%B8", "a" * 3000, "1'--"):
            path = "/console" + PARAMETER.sub(wrong, way.template)
            if path != "/console" + way.template:
                statuses = [seat.http.get(path).status_code for seat in seats]
                assert max(statuses) < 500, (path, statuses)
