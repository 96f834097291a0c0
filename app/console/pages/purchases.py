"""Purchases: the list, one of them with everything known of it, and what may be done about it."""

import re
from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from app.console import links
from app.console.errors import BadForm
from app.console.reasons import Reason
from app.console.show import done, show
from app.console.visit import Reading, Visit, allowed
from ledger.money import USD, Amount
from office import proposals, purchase_case, purchase_desk, purchases
from office.purchase_case import KIND
from office.purchases import STATES, Wanted
from rails import ids

router = APIRouter()
Looking = Annotated[Visit, allowed("look")]
Canceling = Annotated[Visit, allowed("cancel", step_up=True)]
Refunding = Annotated[Visit, allowed("refund", step_up=True)]
State = Literal[
    "",
    "opening",
    "requires_action",
    "processing",
    "needs_review",
    "succeeded",
    "failed",
    "canceled",
    "expired",
]
Filter = Annotated[str, Query(max_length=200)]
_DOLLARS: Final = re.compile(r"([0-9]{1,7})(?:\.([0-9]{2}))?")


@router.get("/purchases")
def listed(
    visit: Reading,
    state: State = "",
    rail: Filter = "",
    agent: Filter = "",
    day: Filter = "",
    after: str | None = None,
) -> Response:
    """The newest purchases, of one state, rail, agent or day if wanted."""
    wanted = Wanted(state or None, rail.strip() or None, agent.strip() or None, _day(day))
    with visit.house.sessions() as session:
        page = purchases.listed(session, wanted, after=after)
    return show(
        visit,
        "purchases/list.html",
        lines=page.lines,
        more=page.more,
        wanted={"state": state, "rail": rail, "agent": agent, "day": day},
        states=STATES,
        rails=[("", "any"), *((rail_id, rail_id) for rail_id in sorted(visit.house.rails))],
    )


@router.get("/purchases/{payment_attempt_id}")
def one(visit: Reading, payment_attempt_id: str) -> Response:
    """Everything about one purchase."""
    with visit.house.sessions() as session:
        case = purchase_case.case(session, payment_attempt_id, rails=visit.house.rails, now=visit.now)
        alone = proposals.left_alone(session, visit.actor, visit.now)
    return show(
        visit,
        "purchases/one.html",
        case=case,
        notes=case.notes,
        about=(KIND, payment_attempt_id),
        alone=alone,
        # A form that is sent twice asks for one refund.
        key=ids.new("refund_form"),
    )


@router.post("/purchases/{payment_attempt_id}/look")
def look(visit: Looking, payment_attempt_id: str) -> Response:
    """Ask the processor what has become of it, and what has left it."""
    found = purchase_desk.look(
        visit.house.sessions, visit.house.rails, payment_attempt_id, by=visit.actor, now=visit.now
    )
    granted = ", and its credits were granted just now" if found.granted else ""
    booked = f"; {len(found.transactions)} booked for what has left" if found.transactions else ""
    said = f"It is {found.state.replace('_', ' ')}{granted}{booked}."
    return done(visit, links.to("purchase", payment_attempt_id), said, found=found)


@router.post("/purchases/{payment_attempt_id}/cancel")
def cancel(visit: Canceling, payment_attempt_id: str, reason: Reason) -> Response:
    """Close it at the processor, so that nobody can begin to pay it."""
    found = purchase_desk.cancel(
        visit.house.sessions,
        visit.house.rails,
        payment_attempt_id,
        reason=reason,
        by=visit.actor,
        now=visit.now,
    )
    why = f"; it was not closed: {found.refusal}" if found.refusal else ""
    said = f"It is {found.state.replace('_', ' ')}{why}."
    return done(visit, links.to("purchase", payment_attempt_id), said, found=found)


@router.post("/purchases/{payment_attempt_id}/refund")
def refund(
    visit: Refunding,
    payment_attempt_id: str,
    reason: Reason,
    key: Annotated[str, Form(min_length=8, max_length=100)],
    dollars: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Have the processor give money back: so many dollars, or all that is left."""
    found = purchase_desk.refund(
        visit.house.sessions,
        visit.house.rails,
        payment_attempt_id,
        amount=_amount(dollars),
        reason=reason,
        key=key,
        by=visit.actor,
        now=visit.now,
    )
    sum_of_it = f"${Amount(found.request.cents, USD).decimal()}"
    said = {
        "asked": f"{sum_of_it} was asked for; the processor has not answered, and is asked again by itself.",
        "pending": f"The refund of {sum_of_it} is made; the money has not left yet.",
        "done": f"{sum_of_it} has left, and its credits were taken back as far as they were unused.",
    }[found.state]
    return done(
        visit,
        links.to("purchase", payment_attempt_id),
        said,
        refund_id=found.request.refund_id,
        cents=found.request.cents,
        state=found.state,
    )


def _amount(dollars: str) -> Amount | None:
    told = dollars.strip().removeprefix("$")
    if not told:
        return None
    found = _DOLLARS.fullmatch(told)
    if found is None or not (cents := int(found[1]) * 100 + int(found[2] or 0)):
        raise BadForm("dollars: an amount such as 2.50, or nothing for all that is left")
    return Amount(cents, USD)


def _day(told: str) -> date | None:
    if not told.strip():
        return None
    try:
        return date.fromisoformat(told.strip())
    except ValueError:
        raise BadForm("day: a day such as 2026-11-20") from None
