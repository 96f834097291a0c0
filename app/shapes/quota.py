"""The balance of an agent as replies show it."""

from collections.abc import Sequence
from datetime import UTC

from app import agents, claims
from app.envelope import Fields
from app.house import House
from app.shapes import recommendations, spending
from app.times import iso, next_day
from ledger import balances
from ledger.balances import Snapshot
from rails import status


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
    agent_id = known.agent.agent_id
    standing = balance(here, agent_id=agent_id)
    jobs = _daily_jobs(here, agent_id, standing)
    with here.sessions() as session:
        claim_request_state = claims.state_of(session, agent_id=agent_id)
    return {
        "authenticated": True,
        "claim_state": known.agent.claim_state,
        "claim_request_state": claim_request_state,
        "token_status": "active",
        "token_created_at": iso(known.token_created_at),
        "limits": limits(standing),
        **({"daily_jobs": jobs} if jobs is not None else {}),
        "job_limits": {"daily_jobs_on_free_credits": here.settings.preview_daily_jobs},
        "model_limits": _model_limits(here, standing),
        "reset_windows": {"daily_jobs": {"window": "day", "timezone": "UTC", "resets_at": _midnight(here)}},
        **spending.spend_limit(here, agent_id=agent_id),
        "top_up": _top_up(here, agent_id, standing, jobs),
    }


def top_up(here: House, *, agent_id: str) -> Fields:
    """The `top_up` of `quota` alone, for errors."""
    standing = balance(here, agent_id=agent_id)
    return _top_up(here, agent_id, standing, _daily_jobs(here, agent_id, standing))


def _top_up(here: House, agent_id: str, standing: Snapshot, jobs: Fields | None) -> Fields:
    with here.sessions() as session:
        pending = status.pending(session, agent_id=agent_id, now=here.clock())
    return recommendations.top_up(here, standing.available, also=_reasons(jobs), pending=pending)


def _daily_jobs(here: House, agent_id: str, standing: Snapshot) -> Fields | None:
    """The cap on jobs of who has only free credits, by the day in UTC; the book counts and refuses."""
    if standing.free(promotional=False).units:
        return None
    limit = here.settings.preview_daily_jobs
    with here.sessions() as session:
        used = balances.preview_jobs(session, agent_id=agent_id, day=here.clock().astimezone(UTC).date())
    return {"limit": limit, "used": used, "remaining": max(0, limit - used), "resets_at": _midnight(here)}


def _reasons(jobs: Fields | None) -> Sequence[recommendations.Reason]:
    """Why to top up, beside the number of credits: who has no bought ones left is stopped some day."""
    if jobs is None:
        return ()
    capped: Sequence[recommendations.Reason] = () if jobs["remaining"] else ("daily_job_cap_reached",)
    return (*capped, "self_fund_setup_missing")


def _model_limits(here: House, standing: Snapshot) -> Sequence[Fields]:
    """What each model costs, and how many of its jobs the balance pays for now."""
    return [
        {
            "model_id": model,
            "credits_required": rate.credits,
            "affordable_now": max(0, standing.available.units) // rate.credits,
        }
        for model, rate in sorted(here.rate_card.items())
    ]


def _midnight(here: House) -> str:
    return iso(next_day(here.clock()))
