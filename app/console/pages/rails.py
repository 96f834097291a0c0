"""Rail health, and the switch of each rail."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import Response

from app import chain_status
from app.console.errors import NoSuchPage
from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import house_health, rail_health, switching
from office.rail_health import RailHealth
from rails.chain.settings import ChainSettings
from workers import wiring

router = APIRouter()
Switching = Annotated[Visit, allowed("switch_rail", step_up=True)]


@dataclass(frozen=True, slots=True)
class RailLine:
    """A rail as its database and this process know it. `unavailable_reason`: what the rail itself says."""

    health: RailHealth
    installed: bool
    live_money: bool
    unavailable_reason: str | None


@router.get("/rails")
def health(visit: Reading) -> Response:
    """Every rail, and what all of them rest on."""
    rails = visit.house.rails
    with visit.house.sessions() as session:
        found = rail_health.of_rails(session, list(rails), now=visit.now)
        house = house_health.of_house(session, now=visit.now)
    lines = [
        RailLine(
            each,
            each.rail_id in rails,
            rails[each.rail_id].live_money if each.rail_id in rails else False,
            rails[each.rail_id].unavailable_reason if each.rail_id in rails and each.is_on else None,
        )
        for each in found
    ]
    return show(visit, "rails/health.html", rails=lines, house=house, most=house_health.MOST)


@router.get("/rails/nodes")
def nodes(visit: Reading) -> Response:
    """Ask every node of the chain now: what it says is its head, or why it does not answer."""
    try:
        chain = ChainSettings()
    except ValidationError:
        return show(visit, "rails/nodes.html", nodes=(), agreement=0, known=False)
    providers = wiring.providers(chain)
    try:
        told = chain_status.of_nodes(providers)
    finally:
        providers.close()
    return show(
        visit, "rails/nodes.html", nodes=told, agreement=min(chain.plan.agreement, len(told)), known=True
    )


@router.post("/rails/{rail_id}/off")
def turn_off(visit: Switching, rail_id: str, reason: Reason) -> Response:
    """Refuse new quotes and payments on a rail."""
    _check_known(visit, rail_id)
    with visit.house.sessions() as session:
        switching.turn_off(session, visit.actor, rail_id=rail_id, reason=reason, now=visit.now)
    return done(visit, f"{PATH}/rails", f"{rail_id} is off. What is open settles as ever.")


@router.post("/rails/{rail_id}/on")
def turn_on(visit: Switching, rail_id: str, reason: Reason) -> Response:
    """Take quotes and payments on a rail again."""
    _check_known(visit, rail_id)
    with visit.house.sessions() as session:
        switching.turn_on(session, visit.actor, rail_id=rail_id, reason=reason, now=visit.now)
    return done(visit, f"{PATH}/rails", f"{rail_id} is on.")


def _check_known(visit: Visit, rail_id: str) -> None:
    if rail_id not in visit.house.rails:
        raise NoSuchPage("no rail of this name is installed")
