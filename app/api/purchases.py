"""POST /v1/credit-purchases/...: open the payment of a quote, at one path for each rail."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import agents, boundary, envelope, http_errors
from app.api import idempotency
from app.api.fields import ClosedRequest, Key, Reference
from app.api.idempotency import HeaderKey
from app.doors import Here, Knocking
from app.envelope import Fields
from app.house import House
from app.shapes import next_step, warnings
from app.shapes.attempt import how_to_pay
from app.shapes.policy import payment_policy
from app.shapes.purchase import settlement
from app.shapes.receipt import receipt
from rails import purchase
from rails.rail import Rail, Rails
from rails.status import PurchaseView


class PurchaseRequest(ClosedRequest):
    """Which quote to pay, under which key, if that is not in the header."""

    quote_id: Reference
    idempotency_key: Key | None = None


def router(rails: Rails) -> APIRouter:
    """A door for every rail, where the rail says that clients look for it."""
    doors = APIRouter(route_class=boundary.GuardedRoute)
    for rail in rails.values():
        path = f"/v1/credit-purchases/{rail.listing.purchase_path}"
        doors.add_api_route(path, _door(rail), methods=["POST"], name=f"buy with {rail.rail_id}")
    paths = [rail.listing.purchase_path for rail in rails.values()]
    assert len(set(paths)) == len(paths), "two rails listen at one path"
    return doors


def _door(rail: Rail) -> Callable[[Request, House, agents.Known, PurchaseRequest, str | None], Response]:
    def buy(
        request: Request, here: Here, known: Knocking, asked: PurchaseRequest, header: HeaderKey
    ) -> Response:
        """The one payment attempt of this quote: made, or returned again."""
        key = idempotency.needed(idempotency.one_of(header, asked.idempotency_key))
        http_errors.remember(request, http_errors.PurchaseAsked(asked.quote_id, rail.rail_id, key))

        def once() -> purchase.Bought:
            return purchase.buy(
                here.sessions,
                here.rails,
                agent_id=known.agent.agent_id,
                quote_id=asked.quote_id,
                rail_id=rail.rail_id,
                idempotency_key=key,
                now=here.clock(),
            )

        bought = idempotency.bought(once, wait_seconds=here.settings.in_flight_wait_seconds)
        with here.sessions() as session:
            warned = [
                *warnings.test_money(live=bought.view.quote.live_money),
                *warnings.others_pending(session, here, bought.view.quote),
            ]
        opened = _opened(here, bought.view)
        reply = envelope.success(request, data=opened, agent=known.agent, warnings=warned)
        return envelope.tell(reply, replayed=bought.replayed)

    return buy


def _opened(here: House, view: PurchaseView) -> Fields:
    quote, attempt = view.quote, view.attempt
    assert attempt is not None, "buying leaves an attempt"
    return {
        "state": view.state,
        "terminal": view.terminal,
        "quote_id": quote.quote_id,
        "payment_attempt_id": attempt.payment_attempt_id,
        "provider": here.processor(quote.rail_id),
        "accepted_payment_method": quote.rail_id,
        "credits": quote.credits,
        "amount_cents": quote.price_cents,
        "currency": "USD",
        "live_money": quote.live_money,
        **how_to_pay(here, attempt, quote),
        # A replay after success shows the receipt there is and grants nothing.
        "credits_granted": 0,
        "receipt": receipt(here, view),
        "next": next_step.next_step(here, view),
        "next_actions": settlement(here, view, path="data.stripe_x402.payable_instructions"),
        "payment_policy": payment_policy(here, view),
    }
