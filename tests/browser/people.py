"""People at the console: each with a browser of their own, a password and an authenticator app."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, BrowserContext, Locator, Page
from pydantic import SecretStr

from ledger.database import Sessions
from office import operators, proofs
from office.actor import Actor
from office.roles import Role
from office.settings import ConsoleSettings

PASSWORD: Final = "correct horse battery"
PICTURES: Final = Path(__file__).parents[2] / ".artifacts" / "screenshots"
WIDE: Final = {"width": 1440, "height": 900}
SMALL: Final = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]


@dataclass
class App:
    """An authenticator app: it shows no code twice."""

    secret: str
    used: int = 0

    def code(self) -> str:
        """A code that was not shown before. The next one is taken a little early rather than waited for."""
        now = datetime.now(UTC)
        step = max(int(now.timestamp()) // proofs.STEP_SECONDS - 1, self.used + 1)
        early = (step - 1) * proofs.STEP_SECONDS - now.timestamp()
        if early > 0:
            time.sleep(early)
        self.used = step
        return proofs.code(self.secret, now=datetime.fromtimestamp(step * proofs.STEP_SECONDS, UTC))


@dataclass
class Person:
    """An operator before a browser. What a page must never do is noted in `wrongs`."""

    url: str
    email: str
    role: Role
    app: App
    context: BrowserContext
    page: Page
    wrongs: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the console."""
        self.page.goto(f"{self.url}{path}")
        return self.page

    def sign_in(self) -> None:
        """Sign in by the form."""
        self.go("/console/sign-in")
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Code from your app").fill(self.app.code())
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/console/")

    def come_in(self) -> None:
        """Have a session without going through the form: for tests that are about something else."""
        form: dict[str, str | float | bool] = {
            "email": self.email,
            "password": PASSWORD,
            "code": self.app.code(),
        }
        answer = self.context.request.post(f"{self.url}/console/sign-in", form=form, max_redirects=0)
        assert answer.status == 303, answer.text()

    def press(self, form: Locator, name: str) -> None:
        """Press a button of a form, and see that it was done: the page that follows says so."""
        form.get_by_role("button", name=name, exact=True).click()
        answer = self.page.locator("main .said, main .refusal[role=alert]").first
        answer.wait_for()
        assert answer.get_attribute("role") == "status", answer.inner_text()

    def said(self) -> str:
        """What the page says was done."""
        return self.page.get_by_role("status").inner_text()


def enrolled(sessions: Sessions, settings: ConsoleSettings, role: Role) -> tuple[str, App]:
    """The email and the app of a new operator."""
    now, app = datetime.now(UTC), App(proofs.new_secret())
    email = f"{role}-{secrets.token_hex(4)}@example.com"
    with sessions() as session:
        _, invitation = operators.invite(
            session,
            email=email,
            name=f"{role} {email[-16:-12]}".title(),
            role=role,
            by=Actor("tests"),
            good_for=timedelta(hours=1),
            now=now,
        )
        operators.enrol(
            session,
            email=email,
            invitation=invitation,
            password=PASSWORD,
            secret=app.secret,
            code=app.code(),
            vault=settings.vault,
            now=now,
        )
    return email, app


def settings_of(key: str) -> ConsoleSettings:
    """The settings of the house's console, in this process."""
    return ConsoleSettings(keys=(SecretStr(key),))


def sit_down(browser: Browser, url: str, email: str, role: Role, app: App, **browsing: Any) -> Person:
    """A browser window of its own for an operator. `browsing`: width, colours, whether scripts run."""
    context = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", **browsing})
    context.set_default_timeout(15_000)
    person = Person(url, email, role, app, context, context.new_page())
    _watch(person)
    return person


def _watch(person: Person) -> None:
    """Note every dialog, every script that broke and everything that the policy of the pages refused."""

    def heard(message: Any) -> None:
        if "Content Security Policy" in message.text:
            person.wrongs.append(f"{person.page.url}: {message.text}")

    def asked(dialog: Any) -> None:
        person.wrongs.append(f"{person.page.url}: a dialog said {dialog.message}")
        dialog.dismiss()

    person.page.on("console", heard)
    person.page.on("pageerror", lambda error: person.wrongs.append(f"{person.page.url}: {error}"))
    person.page.on("dialog", asked)
