"""Every page, looked at: in light and dark, wide and narrow, by axe and by whoever opens the pictures."""

import json
import re
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from playwright.sync_api import Page

from bench._pages import pages
from sandbox.house import House
from tests.browser import stock
from tests.browser.conftest import Somebody
from tests.browser.people import PICTURES, SMALL, WIDE, Scheme

AXE: Final = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# What people without eyes, hands or colours cannot use at all, or hardly.
GRAVE: Final = {"serious", "critical"}


@pytest.fixture(scope="module")
def stocked(home: House) -> House:
    """A house with something on every page."""
    stock.a_receiver_that_is_gone(home)
    painter = stock.bought(home)
    with stock.opened(home.environment["DATABASE_URL"]) as sessions:
        stock.spend(sessions, painter.agent_id)
    stock.underpaid(home)
    stock.paid_on_a_page(home)
    with psycopg.connect(home.addresses.database_url, autocommit=True) as book:
        stock.a_dead_notice(book)
    return home


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
    for page in pages(book):
        role = "admin" if "operators" in page.name else "approver"
        for width, people in ((WIDE["width"], wide), (SMALL["width"], small)):
            opened = people[role].go(page.path)
            found = grave(opened) + overflow(opened)
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
