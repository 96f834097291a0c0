"""Asking what would happen."""

from datetime import UTC, datetime

from ledger import balances, credits, operations
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def debit(*, daily_job_limit: int | None = None) -> operations.Debit:
    return operations.Debit(
        key="debit:1",
        agent_id="agt_1",
        actor="test",
        credits=Amount(5, CREDIT),
        job="job-1",
        daily_job_limit=daily_job_limit,
    )


def test_a_debit_that_is_only_tried_names_the_lots_that_would_burn(sessions: Sessions) -> None:
    given = [
        operations.Grant(
            key=f"grant:{units}",
            agent_id="agt_1",
            actor="test",
            credits=Amount(units, CREDIT),
            cents=Amount(units, USD),
            clearing="clearing:stripe",
        )
        for units in (3, 10)
    ]
    older, newer = (each.details["lot"] for each in credits.perform(sessions, given, now=NOON))

    with sessions() as session:
        outcome = credits.dry_run(session, [debit()], now=NOON)[0]

    assert (outcome.details["lots"], outcome.details["pins"]) == ([older, newer], [3, 2])
    with sessions() as session:
        assert balances.snapshot(session, agent_id="agt_1", now=NOON).posted == Amount(13, CREDIT)


def test_a_request_stays_the_same_when_the_house_changes_its_daily_limit() -> None:
    assert operations.request_hash(debit(daily_job_limit=4)) == operations.request_hash(
        debit(daily_job_limit=5)
    )
