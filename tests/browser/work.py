"""What people leave behind at the console: a proposal, an export, and a day that was reconciled."""

import re

from playwright.sync_api import expect

from tests.browser.people import Person

_RUNS_FOR: int = 60


def propose(maker: Person, *, agent_id: str, credits: str, lapse_after: str) -> str:
    """Propose to give an agent credits; the path of the proposal."""
    page = maker.go(f"/console/proposals/new?kind=adjustment&agent_id={agent_id}")
    page.get_by_label("Credits", exact=True).fill(credits)
    page.get_by_label("Lapse after").fill(lapse_after)
    page.get_by_label("Evidence").fill("ticket 4711")
    page.get_by_label("Reason").fill("a job failed twice and was paid for")
    maker.press(page.locator("main form.action"), "Propose")
    page.wait_for_url(re.compile(r"/console/proposals/\d+$"))
    return page.url.removeprefix(maker.url)


def export(somebody: Person, data_set: str, form: str, *, agent_id: str = "", begins: str = "") -> None:
    """Ask for an export."""
    page = somebody.go("/console/exports/new")
    page.get_by_label("What").select_option(data_set)
    page.get_by_label("Format").select_option(form)
    page.get_by_label("Agent").fill(agent_id)
    page.get_by_label("From").fill(begins)
    somebody.press(page.locator("main form.action"), "Export")


def exported(somebody: Person, count: int) -> None:
    """Wait until so many exports are done, on the page that has asked for them."""
    done = somebody.page.get_by_text("done", exact=True)
    expect(done).to_have_count(count, timeout=120_000)


def reconcile(somebody: Person, *, until: str) -> None:
    """Have the books compared, and wait until the page tells of no run at work and has such an element."""
    page = somebody.go("/console/reconciliation")
    somebody.press(page.locator("form[action$='/run']"), "Run now")
    found = page.locator(until).first
    for _ in range(_RUNS_FOR):
        somebody.go("/console/reconciliation")
        if found.count() and page.get_by_text("No run is at work").count():
            return
        page.wait_for_timeout(1000)
    raise AssertionError(page.locator("main").inner_text())
