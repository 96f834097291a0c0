"""GET /v1/credit-purchases/status: a purchase by any of its references, or the balance by none."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app import agents, boundary, envelope, errors
from app.api.fields import ClosedRequest, Reference
from app.doors import Here, Knocking
from app.envelope import Fields
from app.house import House
from app.shapes import evidence, next_step, quota, recommendations
from app.shapes.attempt import how_to_pay
from app.shapes.quote import quote
from app.shapes.receipt import credit_event, receipt
from app.times import iso
from rails import instructions, status
from rails.rail import CryptoDeposit
from rails.status import PurchaseView, ReferenceKind

router = APIRouter(route_class=boundary.GuardedRoute)

_KINDS: tuple[ReferenceKind, ...] = ("quote_id", "payment_attempt_id", "checkout_session_id", "receipt_id")


class StatusQuery(ClosedRequest):
    """At most one reference."""

    quote_id: Reference | None = None
    payment_attempt_id: Reference | None = None
    checkout_session_id: Reference | None = None
    receipt_id: Reference | None = None


@router.get("/v1/credit-purchases/status")
def purchase_status(
    request: Request, here: Here, known: Knocking, asked: Annotated[StatusQuery, Query()]
) -> Response:
    """Where a purchase stands and who has to do what next."""
    given = [(kind, found) for kind in _KINDS if (found := getattr(asked, kind)) is not None]
    # Counted in the query itself: of one name given twice only the last would be seen.
    if len(request.query_params.multi_items()) > 1:
        raise errors.InvalidArguments("give at most one reference", tuple(kind for kind, _ in given))
    if not given:
        return envelope.success(request, data=quota.quota(here, known), agent=known.agent)
    [(kind, reference)] = given
    agent_id = known.agent.agent_id
    with here.sessions() as session:
        view = status.find(session, agent_id=agent_id, kind=kind, reference=reference, now=here.clock())
    data = _purchase(here, known, view)
    return envelope.success(request, data=data, agent=known.agent, headers=_retry_after(data))


def _purchase(here: House, known: agents.Known, view: PurchaseView) -> dict[str, object]:
    return {
        "state": view.state,
        "quote": {**quote(view), "x402": None},
        "payment_attempt": _attempt(here, view),
        "receipt": receipt(here, view),
        "credit_event": credit_event(view.receipt),
        "provider_event": evidence.provider_event(here, view),
        "limits": quota.limits(quota.balance(here, agent_id=known.agent.agent_id)),
        "next": next_step.next_step(here, view),
        "next_actions": _next_actions(here, view),
    }


def _attempt(here: House, view: PurchaseView) -> Fields | None:
    attempt = view.attempt
    if attempt is None:
        return None
    return {
        "payment_attempt_id": attempt.payment_attempt_id,
        "attempt_status": "requires_action" if attempt.state == "opening" else attempt.state,
        "expires_at": iso(attempt.expires_at),
        **how_to_pay(here, attempt, view.quote),
        "witnesses": evidence.witnesses(here, view),
        "exception": evidence.exception(view),
    }


def _next_actions(here: House, view: PurchaseView) -> Fields:
    attempt = view.attempt
    if view.state == "created":
        buy = recommendations.recommended_buy(here, view.quote)
        return {"recommended_buy": buy} if buy else {}
    if attempt is None or view.state != "action_required":
        return {}
    if not isinstance(instructions.read(attempt), CryptoDeposit):
        return {}
    path = "data.payment_attempt.stripe_x402.payable_instructions"
    return {"recommended_settlement": recommendations.recommended_settlement(here, attempt, path=path)}


def _retry_after(data: dict[str, object]) -> dict[str, str]:
    step = data["next"]
    seconds = step.get("retry_after_seconds") if isinstance(step, dict) else None
    return {"retry-after": str(seconds)} if seconds is not None else {}
