"""The console without a mouse, and without scripts."""

from playwright.sync_api import Page, expect

from sandbox.house import House
from tests.browser import stock
from tests.browser.conftest import Somebody
from tests.browser.people import PASSWORD


def tab_to(page: Page, what: str, *, most: int = 120) -> None:
    """Go on with the Tab key until something that the page calls so has the focus, which can be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.labels && at.labels.length ? at.labels[0].textContent : at.textContent;
                return [label.trim(), getComputedStyle(at).outlineStyle];
            }"""
        )
        assert outline != "none", f"nobody sees that {name!r} has the focus"
        if name == what:
            return
    raise AssertionError(f"no Tab leads to {what!r}")


def test_keys_alone_sign_in_search_and_resolve(home: House, somebody: Somebody) -> None:
    bought, number = stock.bought(home), stock.underpaid(home)
    ada = somebody("finance", signed_in=False)
    page = ada.go("/console/sign-in")

    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(ada.email)
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    tab_to(page, "Code from your app")
    page.keyboard.type(ada.app.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")

    page.keyboard.press("/")
    page.keyboard.type(bought.payment_attempt_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/purchases/{bought.payment_attempt_id}")

    tab_to(page, "Exceptions")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/exceptions")
    tab_to(page, str(number))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/exceptions/{number}")
    page.locator("#credit textarea").evaluate("field => field.scrollIntoView()")
    while page.evaluate("() => !document.activeElement.closest('#credit')"):
        page.keyboard.press("Tab")
    page.keyboard.type("decided without a mouse")
    tab_to(page, "Credit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    expect(ada.go(f"/console/exceptions/{number}").locator("main")).to_contain_text("decided without a mouse")


def test_the_skip_link_leads_over_the_menu(somebody: Somebody) -> None:
    page = somebody("viewer").go("/console/exceptions")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_without_scripts_an_exception_is_resolved(home: House, somebody: Somebody) -> None:
    number = stock.underpaid(home)
    ada = somebody("finance", signed_in=False, java_script_enabled=False)
    ada.sign_in()
    page = ada.go(f"/console/exceptions/{number}")
    form = page.locator("#credit form")
    form.get_by_label("Reason").fill("decided without scripts")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_be_visible()
    expect(ada.go(f"/console/exceptions/{number}").locator("main")).to_contain_text("decided without scripts")


def test_without_scripts_a_refusal_is_a_page_that_says_why(home: House, somebody: Somebody) -> None:
    number = stock.underpaid(home)
    ada = somebody("finance", java_script_enabled=False)
    page = ada.go(f"/console/exceptions/{number}")
    form = page.locator("#credit form")
    form.get_by_label("Reason").fill("   ")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("reason")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
