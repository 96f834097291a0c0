"""The balance of an agent as replies show it."""

from datetime import UTC

from app import agents
from app.envelope import Fields
from app.house import House
from app.shapes import recommendations, spending
from app.times import iso, next_day
from ledger import balances
from ledger.balances import Snapshot


def balance(here: House, *, agent_id: str) -> Snapshot:
    """What the agent has now."""
    with here.sessions() as session:
        return balances.snapshot(session, agent_id=agent_id, now=here.clock())


def limits(standing: Snapshot) -> Fields:
    """The contract's `limits`: what can be spent of the free and of the bought credits."""
    return {
        "remaining_credits": standing.free(promotional=True).units,
        "payment_backed_remaining_credits": standing.free(promotional=False).units,
    }


def quota(here: House, known: agents.Known) -> Fields:
    """What `usage quota` shows. Who has bought credits gets no `daily_jobs`: clients crash on null."""
    standing = balance(here, agent_id=known.agent.agent_id)
    return {
        "authenticated": True,
        "claim_state": known.agent.claim_state,
        "claim_request_state": "none",
        "token_status": "active",
        "token_created_at": iso(known.token_created_at),
        "limits": limits(standing),
        **_daily_jobs(here, known.agent.agent_id, standing),
        **spending.spend_limit(here, agent_id=known.agent.agent_id),
        "top_up": recommendations.top_up(here, standing.available),
    }


def _daily_jobs(here: House, agent_id: str, standing: Snapshot) -> Fields:
    """The cap on jobs of who has only free credits, by the day in UTC; the book counts and refuses."""
    if standing.free(promotional=False).units:
        return {}
    now, limit = here.clock().astimezone(UTC), here.settings.preview_daily_jobs
    with here.sessions() as session:
        used = balances.preview_jobs(session, agent_id=agent_id, day=now.date())
    jobs = {"limit": limit, "used": used, "remaining": max(0, limit - used), "resets_at": iso(next_day(now))}
    return {"daily_jobs": jobs}
