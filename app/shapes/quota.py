"""The balance of an agent as replies show it."""

from app import agents
from app.envelope import Fields
from app.house import House
from app.shapes import recommendations
from app.times import iso
from ledger import book, chart
from ledger.money import Amount


def balance(here: House, *, agent_id: str) -> Amount:
    """The credits an agent may spend now."""
    with here.sessions() as session:
        return book.balance(session, account=chart.agent(agent_id))


def limits(available: Amount) -> Fields:
    """The contract's `limits`: no free credits are given here."""
    return {"remaining_credits": 0, "payment_backed_remaining_credits": available.units}


def quota(here: House, known: agents.Known) -> Fields:
    """What `usage quota` shows. `daily_jobs` stays away: clients crash on null, and no job runs here."""
    available = balance(here, agent_id=known.agent.agent_id)
    return {
        "authenticated": True,
        "claim_state": known.agent.claim_state,
        "claim_request_state": "none",
        "token_status": "active",
        "token_created_at": iso(known.token_created_at),
        "limits": limits(available),
        "top_up": recommendations.top_up(here, available),
    }
