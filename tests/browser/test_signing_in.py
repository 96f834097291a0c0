"""Coming in by the form, with a code of the app."""

from playwright.sync_api import expect

from tests.browser.conftest import Somebody


def test_a_person_signs_in_with_password_and_code_and_out_again(somebody: Somebody) -> None:
    ada = somebody("finance", signed_in=False)
    ada.sign_in()
    ada.go("/console/sessions")
    expect(ada.page.get_by_text("TEST", exact=True)).to_be_visible()
    ada.page.get_by_role("button", name="Sign out").click()
    ada.page.wait_for_url("**/console/sign-in")
    assert ada.said() == "You are signed out."
    ada.go("/console/sessions")
    expect(ada.page).to_have_url(f"{ada.url}/console/sign-in?on=/console/sessions")


def test_a_wrong_code_is_refused_beside_the_form_and_what_was_typed_stays(somebody: Somebody) -> None:
    ada = somebody("finance", signed_in=False)
    page = ada.go("/console/sign-in")
    page.get_by_label("Email").fill(ada.email)
    page.get_by_label("Password").fill("wrong wrong wrong")
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("email, password or code is wrong")
    expect(page.get_by_label("Email")).to_have_value(ada.email)
