"""What an agent reads of the credits that services spent for it."""

from datetime import timedelta

from sqlmodel import Session

from ledger import balances, usage
from ledger.usage import Use
from tests.internal.conftest import Home, Service, done


def uses(session: Session, agent_id: str) -> list[tuple[str | None, int]]:
    """Job and credits of every use, newest first."""
    return [(use.job, use.credits.units) for use in usage.newest(session, agent_id=agent_id, most=100)]


def running_out(home: Home, api: Service, agent_id: str) -> str:
    """A hold whose job was running when its time was over, so that all of it was charged."""
    hold: str = done(api.hold(agent_id, 5, job_id="job-late", timeout_seconds=60))["hold_id"]
    done(api.post(f"holds/{hold}/start", {"agent_id": agent_id}, key="start"))
    home.clock.now += timedelta(minutes=5)
    with home.sessions() as session:
        balances.snapshot(session, agent_id=agent_id, now=home.clock.now)
    return hold


def test_a_hold_that_is_set_aside_or_let_go_is_no_use(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=20)
    hold = done(api.hold(agent_id, 5))["hold_id"]
    done(api.hold(agent_id, 3))

    done(api.post(f"holds/{hold}/release", {"agent_id": agent_id}, key="release"))

    with home.sessions() as session:
        assert uses(session, agent_id) == []


def test_a_charge_at_the_end_of_time_is_a_use_of_that_time_and_can_come_back(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=20)
    ends_at = home.clock.now + timedelta(seconds=60)
    hold = running_out(home, api, agent_id)
    with home.sessions() as session:
        [charge] = usage.newest(session, agent_id=agent_id, most=10)

    done(api.post(f"holds/{hold}/capture", {"agent_id": agent_id, "credits": 2}, key="late"))

    assert (charge.job, charge.credits.units, charge.at) == ("job-late", 5, ends_at)
    with home.sessions() as session:
        assert uses(session, agent_id) == [("job-late", -3), ("job-late", 5)]


def test_a_use_is_found_by_its_transaction_by_its_own_agent_only(home: Home) -> None:
    api, agent_id, other = home.service(), home.agent(bought=20), home.agent(bought=20)
    spent = done(api.debit(agent_id, 4, job_id="job-1"))["transaction_id"]

    with home.sessions() as session:
        found = usage.one(session, agent_id=agent_id, transaction_id=spent)
        foreign = usage.one(session, agent_id=other, transaction_id=spent)
        of_the_job = usage.newest(session, agent_id=agent_id, most=10, job="job-1")
        of_another = usage.newest(session, agent_id=agent_id, most=10, job="job-2")

    assert isinstance(found, Use)
    assert (foreign, list(of_the_job), list(of_another)) == (None, [found], [])
