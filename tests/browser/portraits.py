"""`make pictures`: the console in README, over a year of made-up purchases and over one that was paid."""

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from typing_extensions import override

from app.migrations.run import migrate
from bench import QUICK
from bench._run import running
from bench._server import Server, connect
from bench._serving import environment, serving
from bench._shop import shop
from outbound import vault
from sandbox import embedded, house
from tests.browser import people, stock
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.browser.people import WIDE, Person

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
PURCHASES: Final = 4_000
NARROWER: Final = {"width": 1200, "height": 900}
COLOURS: Final = 128
"""Pages are flat: more colours only make the file larger."""
# The benches' shop has troubles a year old, so that no page is empty. Here somebody has looked after them.
_TIDY: Final = """
SET session_replication_role = replica;
UPDATE notice SET state = 'handled', reason = NULL, error = NULL, try_at = NULL, handled_at = received_at
WHERE state IN ('dead', 'waiting');
UPDATE payment_exception
SET closed_at = opened_at, closed_by = 'operator:finance@example.com', resolution = 'credit'
WHERE closed_at IS NULL AND opened_at < now() - interval '1 day';
UPDATE reconciliation_item
SET state = 'matched', found_units = expected_units, closed_at = opened_at, how = 'matched'
WHERE state = 'missing';
UPDATE webhook_delivery SET state = 'delivered', delivered_at = created_at WHERE state = 'failed';
"""


class _Empty(Server):
    """A server whose new databases hold the schema alone: no agents that the book knows nothing of."""

    @override
    def book(self, name: str, *, like: str = "template1", changed: str = "") -> str:
        url = super().book(name, like=like, changed=changed)
        migrate(url)
        return url


def main() -> None:
    """Take every picture anew."""
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        with _year(browser) as person:
            _take(person.go("/console/"), "overview", until=".charts .daily >> nth=0")
        with _purchase(browser) as (person, attempt_id):
            _take(person.go(f"/console/purchases/{attempt_id}"), "purchase", until="#witnesses")
        browser.close()


@contextmanager
def _year(browser: Browser) -> Iterator[Person]:
    """A finance operator before a console over a year of purchases."""
    with running(QUICK, _say) as run, ExitStack() as stack:
        server = _Empty(stack.enter_context(embedded.postgres(run.folder / "postgres")))
        key, url = vault.new_key(), shop(server, "year", purchases=PURCHASES, progress=_say)
        with connect(url) as connection:
            connection.execute(_TIDY)
        settings = {**environment(url), "PENNYRAIL_CONSOLE_KEYS": key}
        port = stack.enter_context(serving(run, settings, "year"))
        with stock.opened(url) as sessions:
            email, app = people.enrolled(sessions, people.settings_of(key), "finance")
        yield _seated(browser, f"http://127.0.0.1:{port}", email, app, viewport=WIDE)


@contextmanager
def _purchase(browser: Browser) -> Iterator[tuple[Person, str]]:
    """A finance operator in a house where somebody has paid with USDC, and the payment."""
    with running(QUICK, _say) as run, house.running(run.folder / "house", say=_say) as home:
        bought = stock.bought(home)
        with stock.opened(home.environment["DATABASE_URL"]) as sessions:
            settings = people.settings_of(home.environment["PENNYRAIL_CONSOLE_KEYS"])
            email, app = people.enrolled(sessions, settings, "finance")
        person = _seated(browser, home.addresses.api_url, email, app, viewport=NARROWER)
        yield person, bought.payment_attempt_id


def _seated(browser: Browser, url: str, email: str, app: people.App, **browsing: Any) -> Person:
    person = people.sit_down(browser, url, email, "finance", app, **browsing)
    person.come_in()
    return person


def _take(page: Page, name: str, *, until: str) -> None:
    """Keep a picture of a page from its top to the end of an element."""
    box, size = page.locator(until).bounding_box(), page.viewport_size
    assert box is not None, f"{page.url} has no {until}"
    assert size is not None
    clip: Any = {"x": 0, "y": 0, "width": size["width"], "height": round(box["y"] + box["height"]) + 8}
    with Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))) as taken:
        few = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(FOLDER / f"{name}.png", optimize=True)


def _say(step: str) -> None:
    print(step, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
