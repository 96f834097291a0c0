"""`POST /webhooks/stripe`: the raw body first, verified, kept once, answered at once, handled later."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import boundary, envelope, errors
from app.house import House
from app.ingest import Ingest, Wake
from rails.stripe import webhooks
from rails.stripe.settings import StripeSettings


def install(app: FastAPI, settings: StripeSettings, *, wake: Wake) -> None:
    """Open the door Stripe knocks on. `wake` is told of the notices that somebody has to handle.

    It stands before all others: no dependency of theirs is its own, and no path of theirs looks like it.
    """
    here = app.state.house
    assert isinstance(here, House)
    ingest = Ingest(here, wake)

    async def stripe(request: Request) -> Response:
        # Where the log and the reply look for the path; the framework says it of its own routes alone.
        request.scope["route"] = route
        body = await boundary.read(request, max_bytes=settings.webhook_body_bytes)
        signature = request.headers.get("stripe-signature")
        try:
            incoming = webhooks.verify(body, signature, settings=settings, now=here.clock())
        except (webhooks.BadSignature, webhooks.BadNotice) as error:
            raise errors.WebhookRefused(str(error)) from error
        await ingest.keep(incoming)
        return envelope.success(request, data={"received": True})

    route = Route("/webhooks/stripe", stripe, methods=["POST"])
    app.router.routes.insert(0, route)
