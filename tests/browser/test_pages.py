"""Every page, looked at: in light and dark, wide and narrow, by axe and by whoever opens the pictures."""

import json
import re
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from playwright.sync_api import Page

from bench._pages import NOTHING, pages, templates
from sandbox.house import House
from tests.browser import stock, work
from tests.browser.conftest import Somebody
from tests.browser.people import PICTURES, SMALL, WIDE, Scheme

AXE: Final = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# What people without eyes, hands or colours cannot use at all, or hardly.
GRAVE: Final = {"serious", "critical"}


# Every page as it opens, and what is found by a search.
SEEN: Final = {*templates(), "/search?q=agent+1"}


@pytest.fixture
def stocked(home: House, stocked_by_agents: str, somebody: Somebody) -> House:
    """A house with something on every page."""
    ada = somebody("finance")
    if ada.go("/console/exports").get_by_text("Nothing was exported yet").count():
        work.propose(ada, agent_id=stocked_by_agents, credits="250", lapse_after="2099-06-30")
        work.export(ada, "journal", "csv")
        work.exported(ada, 1)
        work.reconcile(ada, until="text=The last runs")
    return home


@pytest.fixture(scope="module")
def stocked_by_agents(home: House) -> str:
    """What agents, their payers and processors leave behind; the agent that paid and spent."""
    stock.a_receiver_that_is_gone(home)
    painter = stock.bought(home)
    with stock.opened(home.environment["DATABASE_URL"]) as sessions:
        stock.spend(sessions, painter.agent_id)
    stock.underpaid(home)
    stock.paid_on_a_page(home)
    with psycopg.connect(home.addresses.database_url, autocommit=True) as book:
        stock.a_dead_notice(book)
    return painter.agent_id


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_for_everybody(
    stocked: House,
    book: psycopg.Connection[Any],
    somebody: Somebody,
    scheme: Scheme,
) -> None:
    wide = {role: somebody(role, color_scheme=scheme) for role in ("approver", "admin")}
    small = {role: somebody(role, color_scheme=scheme, viewport=SMALL) for role in ("approver", "admin")}
    wrong: dict[str, Any] = {}
    shown = [page for page in pages(book) if page.whole and page.name in SEEN]
    assert not [page.path for page in shown if NOTHING in page.path.split("/")]
    for page in shown:
        role = "admin" if "operators" in page.name else "approver"
        for width, people in ((WIDE["width"], wide), (SMALL["width"], small)):
            opened = people[role].go(page.path)
            found = overflow(opened) + (grave(opened) if width == WIDE["width"] else [])
            if found:
                wrong[f"{page.path} {width}"] = found
            _picture(opened, f"{_name(page.name)}-{width}-{scheme}")
    assert wrong == {}, json.dumps(wrong, indent=1)


def grave(page: Page) -> list[str]:
    """What axe finds wrong with a page that keeps somebody from using it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for each in found["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """Whether a page is wider than its window: wide tables scroll in a box of their own."""
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} px too wide"] if wide > 0 else []


def _picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def _name(template: str) -> str:
    return re.sub(r"[^\w]+", "-", template).strip("-") or "overview"
