"""GET /pay/...: the short address that an agent hands to a person, and where the person comes back to."""

import re
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app import pages
from app.doors import Here
from app.house import House
from app.shapes import money
from ledger.money import USD, Amount
from rails import instructions, schedule, status
from rails.models import PaymentAttempt, Quote
from rails.rail import HostedPage
from rails.states import GIVEN_UP

_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Handed:
    """A payment that a person was sent to, and the page that takes it."""

    attempt: PaymentAttempt
    page: HostedPage
    shown: pages.Payment


@router.api_route("/pay/{payment_attempt_id}", methods=["GET", "HEAD"])
def pay(here: Here, payment_attempt_id: str) -> Response:
    """Send the person to the page to pay on. A paid attempt still leads there until it expires."""
    handed = _handed(here, payment_attempt_id)
    if handed is None:
        return pages.unknown()
    if handed.attempt.expires_at <= here.clock() or handed.attempt.state in GIVEN_UP:
        return _seen(handed) or pages.closed(handed.shown)
    # Not RedirectResponse: it would quote the address again, and what comes after # must arrive untouched.
    return Response(
        status_code=302,
        headers={"location": handed.page.url, "cache-control": "no-store", "referrer-policy": "no-referrer"},
    )


@router.api_route("/pay/{payment_attempt_id}/done", methods=["GET", "HEAD"])
def done(here: Here, payment_attempt_id: str) -> Response:
    """Where the payment page sends a person who has paid. Coming here has Stripe asked, no more."""
    handed = _handed(here, payment_attempt_id)
    if handed is None:
        return pages.unknown()
    with here.sessions() as session:
        schedule.knock_at(session, payment_attempt_id=payment_attempt_id, now=here.clock())
    return _seen(handed) or pages.done(handed.shown)


@router.api_route("/pay/{payment_attempt_id}/canceled", methods=["GET", "HEAD"])
def canceled(here: Here, payment_attempt_id: str) -> Response:
    """Where the payment page sends a person who turned back, and where anybody may come at any time."""
    handed = _handed(here, payment_attempt_id)
    if handed is None:
        return pages.unknown()
    seen = _seen(handed)
    if seen is not None:
        return seen
    open_still = status.purchase_state(handed.attempt) == "action_required"
    if not open_still or handed.attempt.expires_at <= here.clock():
        return pages.closed(handed.shown)
    return pages.canceled(handed.shown, back=f"../{payment_attempt_id}")


def _seen(handed: _Handed) -> Response | None:
    """The page for a payment whose money was seen, None while none was."""
    match status.purchase_state(handed.attempt):
        case "succeeded":
            return pages.received(handed.shown)
        case "processing" | "needs_review":
            return pages.checking(handed.shown)
        case _:
            return None


def _handed(here: House, payment_attempt_id: str) -> _Handed | None:
    if not _ID.fullmatch(payment_attempt_id):
        return None
    with here.sessions() as session:
        attempt = status.attempt_of(session, payment_attempt_id=payment_attempt_id)
        told = instructions.read(attempt) if attempt is not None else None
        if attempt is None or not isinstance(told, HostedPage):
            return None
        quote = session.get_one(Quote, attempt.quote_id)
    return _Handed(attempt, told, _shown(quote))


def _shown(quote: Quote) -> pages.Payment:
    return pages.Payment(
        amount=f"${money.short(Amount(quote.price_cents, USD))}",
        rail=quote.rail_id.replace("_", " ").title(),
        live_money=quote.live_money,
    )
