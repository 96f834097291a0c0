"""The page where a person pays a Checkout Session: plain HTML, one form, no input for a card number."""

from pathlib import Path
from secrets import compare_digest, token_urlsafe

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from sandbox.stripe_twin import checkout
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
)


def add_endpoints(application: FastAPI, world: World) -> None:
    """Open the page and its form."""

    @application.get("/c/pay/{session}", include_in_schema=False)
    async def show(session: str) -> Response:
        with world.store.transaction():
            checkout.expire_due(world)
        document = world.store.get(checkout.KIND, session)
        if document is None:
            return page("missing.html", world, status=404)
        return session_page(world, document)

    @application.post("/c/pay/{session}", include_in_schema=False)
    async def submit(
        session: str,
        request: Request,  # noqa: ARG001 (read for its form)
        fragment: str = Form(default=""),
        action: str = Form(default="pay"),
    ) -> Response:
        with world.store.transaction():
            checkout.expire_due(world)
            document = world.store.get(checkout.KIND, session)
            if document is None:
                return page("missing.html", world, status=404)
            return submitted(world, document, fragment, action)


def submitted(world: World, session: Document, fragment: str, action: str) -> Response:
    """What follows a click; a second click on Pay follows the first."""
    # The real page cannot work without the part after `#`, so whoever lost it shall find out here.
    if not compare_digest(fragment.encode(), checkout.page_of(world, session)["fragment"].encode()):
        return page("broken.html", world, status=400)
    if action == "decline":
        return session_page(world, checkout.decline(world, session), status=402)
    session = checkout.pay(world, session)
    if session["status"] == "complete" and session["success_url"] is not None:
        return RedirectResponse(session["success_url"].replace(PLACEHOLDER, session["id"]), 303)
    return session_page(world, session)


def session_page(world: World, session: Document, *, status: int = 200) -> Response:
    """The page that fits the session: to pay, paid or expired."""
    if session["status"] == "complete":
        return page("paid.html", world, session=session, amount=money(session["amount_total"], session))
    if session["status"] == "expired":
        return page("expired.html", world, session=session)
    intent = checkout.intent_of(world, session)
    lines = [
        {
            "name": item["description"],
            "quantity": item["quantity"],
            "each": money(item["price"]["unit_amount"], session),
            "amount": money(item["amount_total"], session),
        }
        for item in checkout.page_of(world, session)["line_items"]["data"]
    ]
    return page(
        "pay.html",
        world,
        status=status,
        session=session,
        lines=lines,
        amount=money(session["amount_total"], session),
        declined=intent is not None and intent["last_payment_error"] is not None,
    )


def money(units: int, session: Document) -> str:
    """An amount of hundredths as a person reads it."""
    code = session["currency"].upper()
    number = f"{units // 100:,}.{units % 100:02d}"
    return f"${number}" if code == "USD" else f"{number} {code}"


def page(template: str, world: World, *, status: int = 200, **values: object) -> Response:
    """A rendered template, which loads nothing from anywhere."""
    nonce = token_urlsafe(16)
    body = TEMPLATES.get_template(template).render(merchant=world.config.merchant, nonce=nonce, **values)
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(body, status, headers)
