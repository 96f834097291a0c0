"""GET /pay/...: the short address that an agent hands to a person, and where the person comes back to."""

import re
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app import pages
from app.doors import Here
from app.house import House
from rails import instructions, status
from rails.models import PaymentAttempt
from rails.rail import HostedPage

_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")

router = APIRouter(include_in_schema=False)


@router.api_route("/pay/{payment_attempt_id}", methods=["GET", "HEAD"])
def pay(here: Here, payment_attempt_id: str) -> Response:
    """Send the person to the page to pay on. A paid attempt still leads there until it expires."""
    attempt = _attempt(here, payment_attempt_id)
    told = instructions.read(attempt) if attempt is not None else None
    if attempt is None or not isinstance(told, HostedPage):
        return pages.unknown()
    if attempt.expires_at <= here.clock():
        return pages.expired()
    # Not RedirectResponse: it would quote the address again, and what comes after # must arrive untouched.
    return Response(
        status_code=302,
        headers={"location": told.url, "cache-control": "no-store", "referrer-policy": "no-referrer"},
    )


@router.api_route("/pay/{payment_attempt_id}/done", methods=["GET", "HEAD"])
def done(here: Here, payment_attempt_id: str) -> Response:
    """Where the payment page sends a person who has paid."""
    return pages.done() if _attempt(here, payment_attempt_id) is not None else pages.unknown()


@router.api_route("/pay/{payment_attempt_id}/canceled", methods=["GET", "HEAD"])
def canceled(here: Here, payment_attempt_id: str) -> Response:
    """Where the payment page sends a person who turned back."""
    return pages.canceled() if _attempt(here, payment_attempt_id) is not None else pages.unknown()


def _attempt(here: House, payment_attempt_id: str) -> PaymentAttempt | None:
    if not _ID.fullmatch(payment_attempt_id):
        return None
    with here.sessions() as session:
        return status.attempt_of(session, payment_attempt_id=payment_attempt_id)
