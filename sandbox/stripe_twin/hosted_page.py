"""The page where a person pays a Checkout Session: plain HTML, one form, no input for a card number."""

from pathlib import Path
from secrets import compare_digest, token_urlsafe
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from sandbox.stripe_twin import checkout, checkout_payment
from sandbox.stripe_twin.errors import StripeError
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
        promotion_code: str = Form(default=""),
        method: Annotated[checkout_payment.Method, Form()] = "card",
    ) -> Response:
        with world.store.transaction():
            checkout.expire_due(world)
            document = world.store.get(checkout.KIND, session)
            if document is None:
                return page("missing.html", world, status=404)
            if not is_whole(world, document, fragment):
                return page("broken.html", world, status=400)
            return submitted(world, document, action, promotion_code, method)


def is_whole(world: World, session: Document, fragment: str) -> bool:
    """Whether the person has the whole link: the real page cannot work without the part after `#`."""
    return compare_digest(fragment.encode(), checkout.page_of(world, session)["fragment"].encode())


def submitted(
    world: World, session: Document, action: str, promotion_code: str, method: checkout_payment.Method
) -> Response:
    """What follows a click; a second click on Pay follows the first."""
    try:
        if action == "apply":
            checkout_payment.redeem(world, session, promotion_code)
            return session_page(world, session)
        if action == "decline":
            return session_page(world, checkout_payment.decline(world, session), status=402)
        session = checkout_payment.pay(world, session, method=method)
    except StripeError as error:
        return session_page(world, session, status=400, refused=error.message)
    if session["status"] == "complete" and session["success_url"] is not None:
        return RedirectResponse(session["success_url"].replace(PLACEHOLDER, session["id"]), 303)
    return session_page(world, session)


def session_page(
    world: World, session: Document, *, status: int = 200, refused: str | None = None
) -> Response:
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
            "amount": money(item["amount_subtotal"], session),
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
        discount=money(session["total_details"]["amount_discount"], session),
        refused=refused,
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
