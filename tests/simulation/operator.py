"""What a person of the house does now and then: decides, gives back, cancels."""

from datetime import timedelta

from ledger.money import USD, Amount
from rails import errors, exceptions, purchase, refunds, resolutions
from rails.exceptions import Wanted
from rails.resolutions import Decision
from tests.simulation.world import World

PERSON = "operator:simulation"


def decide(world: World) -> str:
    """A person decides about an open exception, if what they want is allowed."""
    with world.plain() as session:
        found = exceptions.listed(session, Wanted(), now=world.now)
        numbers = sorted(line.exception_id for line in found)
    if not numbers:
        return "nothing to decide"
    decision = Decision(world.chance.choice(numbers), PERSON, "simulated")
    action = world.chance.choice(("credit", "credit", "write_off", "wait", "refund"))
    try:
        _resolve(world, action, decision)
    except (errors.RailsError, errors.OperatorError) as error:
        return f"{action}: {type(error).__name__}"
    return action


def _resolve(world: World, action: str, decision: Decision) -> None:
    sessions, rails, now = world.house.sessions, world.house.rails, world.now
    if action == "refund":
        resolutions.refund(sessions, rails, refunds.request, decision, now=now)
        return
    with sessions() as session:
        match action:
            case "credit":
                resolutions.credit(session, decision, now=now)
            case "write_off":
                resolutions.write_off(session, decision, now=now)
            case _:
                resolutions.wait(session, decision, until=now + timedelta(hours=1), now=now)


def give_back(world: World) -> str:
    """A person gives back a part of a payment, or all that is left of it."""
    attempt_id = _attempt(world)
    if attempt_id is None:
        return "nothing was bought"
    amount = world.chance.choice((None, Amount(world.chance.randrange(1, 500), USD)))
    try:
        refunds.request(
            world.house.sessions,
            world.house.rails,
            payment_attempt_id=attempt_id,
            amount=amount,
            reason="simulated",
            requested_by=PERSON,
            key=world.new_name("refund"),
            now=world.now,
        )
    except (errors.RailsError, errors.OperatorError) as error:
        return f"not given back: {type(error).__name__}"
    return f"gave {amount or 'everything'} back"


def cancel(world: World) -> str:
    """A person closes a purchase at its processor."""
    attempt_id = _attempt(world)
    if attempt_id is None:
        return "nothing was bought"
    try:
        canceled = purchase.cancel(
            world.house.sessions,
            world.house.rails,
            payment_attempt_id=attempt_id,
            reason="simulated",
            now=world.now,
        )
    except (errors.RailsError, errors.OperatorError) as error:
        return f"not canceled: {type(error).__name__}"
    return f"canceled: {canceled.state}"


def _attempt(world: World) -> str | None:
    known = [bought.payment_attempt_id for bought in world.purchases[-30:] if bought.payment_attempt_id]
    return world.chance.choice(known) if known else None
