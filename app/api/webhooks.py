"""`POST /webhooks/stripe`: the raw body first, verified, kept once, answered at once, handled later."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import boundary, envelope, errors
from app.house import house
from rails import inbox
from rails.stripe import webhooks
from rails.stripe.settings import StripeSettings

Wake = Callable[[int], None]


def router(settings: StripeSettings, *, wake: Wake) -> APIRouter:
    """The door Stripe knocks on. `wake` is told the id of each notice that somebody has to handle."""
    door = APIRouter()

    @door.post("/webhooks/stripe", include_in_schema=False)
    async def stripe(request: Request) -> Response:
        body = await boundary.read(request, max_bytes=settings.webhook_body_bytes)
        return await run_in_threadpool(_keep, request, body, settings, wake)

    return door


def _keep(request: Request, body: bytes, settings: StripeSettings, wake: Wake) -> Response:
    here = house(request)
    try:
        incoming = webhooks.verify(
            body, request.headers.get("stripe-signature"), settings=settings, now=here.clock()
        )
    except (webhooks.BadSignature, webhooks.BadNotice) as error:
        raise errors.WebhookRefused(str(error)) from error
    with here.sessions() as session:
        notice_id = inbox.receive(session, incoming, now=here.clock())
    # Only after the commit, or the worker could look for a row that is not there yet.
    if notice_id is not None:
        wake(notice_id)
    return envelope.success(request, data={"received": True})
