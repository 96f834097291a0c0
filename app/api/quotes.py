"""POST /v1/credit-quotes: fix a price. Nothing is charged and nothing is granted."""

import secrets

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import boundary, envelope, http_errors
from app.api import idempotency
from app.api.fields import ClosedRequest, Key, Reference, Whole
from app.api.idempotency import HeaderKey
from app.doors import Here, Knocking
from app.envelope import Fields
from app.house import House
from app.shapes import next_step, recommendations, warnings
from app.shapes.policy import payment_policy
from app.shapes.quote import quote as shown
from rails import catalog, purchase, status
from rails.models import Quote
from rails.status import PurchaseView

router = APIRouter(route_class=boundary.GuardedRoute)


class QuoteRequest(ClosedRequest):
    """Either an exact number of credits or a pack."""

    credits: Whole | None = None
    pack_id: Reference | None = None
    payment_method: Reference | None = None
    idempotency_key: Key | None = None


@router.post("/v1/credit-quotes")
def credit_quotes(
    request: Request, here: Here, known: Knocking, asked: QuoteRequest, header: HeaderKey
) -> Response:
    """The quote of these terms: the same one for the same key."""
    rail_id = asked.payment_method or here.settings.default_rail
    http_errors.remember(request, http_errors.QuoteAsked(asked.credits, asked.pack_id, rail_id))
    key = idempotency.one_of(header, asked.idempotency_key)
    fixed = purchase.quote(
        here.sessions,
        here.rails,
        agent_id=known.agent.agent_id,
        terms=catalog.terms(credits_wanted=asked.credits, pack_id=asked.pack_id, rail_id=rail_id),
        # Callers without a client may leave the key out; they are told the one they were given.
        idempotency_key=key or f"quote-{secrets.token_hex(8)}",
        now=here.clock(),
    )
    with here.sessions() as session:
        view = status.view(session, quote=fixed.quote, now=here.clock())
        warned = [
            *warnings.test_money(live=fixed.quote.live_money),
            *([] if asked.payment_method else warnings.chosen_for_you(here, rail_id=rail_id)),
            *warnings.not_buyable(here, fixed.quote),
            *warnings.others_pending(session, here, fixed.quote),
        ]
    reply = envelope.success(request, data=_quoted(here, view), agent=known.agent, warnings=warned)
    return envelope.tell(reply, replayed=fixed.replayed)


def _quoted(here: House, view: PurchaseView) -> Fields:
    return {**_next(here, view), "payment_policy": payment_policy(here, view)}


def _next(here: House, view: PurchaseView) -> Fields:
    if view.attempt is not None:
        # Whoever asks again after paying must not be led to pay again: the purchase says what is next.
        return {**shown(view), "next": next_step.next_step(here, view), "next_actions": {}}
    if view.quote_state == "expired":
        # The same key would return this same quote for ever.
        fresh = f"quote-{secrets.token_hex(8)}"
        return {**shown(view), "next": next_step.ask_again(here, view, key=fresh), "next_actions": {}}
    return {**shown(view), "next_actions": _actions(here, view.quote)}


def _actions(here: House, fixed: Quote) -> Fields:
    recommended = recommendations.recommended_buy(here, fixed)
    instead = recommendations.quotes_instead(here, fixed)
    return {
        **({"recommended_buy": recommended} if recommended else {}),
        **({"quotes_instead": instead} if instead else {}),
    }
