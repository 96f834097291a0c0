"""Operations on their way into the book, and their outcomes on the way out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.house import House, house
from app.internal import answers, requests
from app.internal.answers import Fields
from app.internal.callers import Caller
from app.internal.errors import Declined
from app.internal.requests import Wish
from app.internal.writer import Line, Row
from app.models import Agent
from ledger import credits, operations
from ledger.models import Transaction
from ledger.operations import Operation


@dataclass(frozen=True, slots=True)
class Told:
    """One operation, told at `now`."""

    wish: Wish
    key: str
    operation: Operation
    now: datetime

    @property
    def hold_id(self) -> str | None:
        """The hold that it makes, if it makes one."""
        return self.operation.hold_id if isinstance(self.operation, operations.Hold) else None

    def line(self) -> Line:
        """The operation as the writer takes it.

        raises: Malformed, OutOfRange
        """
        written = operations.encode([self.operation], now=self.now)[1:-1]
        return Line(written, self.operation.key, self.operation.agent_id)


def tell(request: Request, wish: Wish, caller: Caller, key: str) -> Told:
    """The operation that a wish is.

    raises: Declined
    """
    here = house(request)
    now = here.clock()
    wanted = requests.operation(
        wish, caller, key=key, daily_job_limit=here.settings.preview_daily_jobs, now=now
    )
    return Told(wish, key, wanted, now)


def dry_run(here: House, told: Sequence[Told]) -> list[Row]:
    """What would come of the operations, done by the same code and undone."""
    if not told:
        return []
    with here.sessions() as session:
        outcomes = credits.dry_run(session, [each.operation for each in told], now=told[0].now)
    return [answers.as_row(outcome) for outcome in outcomes]


def done(told: Told, row: Row, *, dry: bool) -> Fields:
    """The reply's data. A dry run shows the lots that would burn, and no number of a transaction."""
    data = answers.done(told.wish, told.key, told.hold_id, row)
    if not dry:
        return data
    return {**data, **answers.lots(row[7]), "transaction_id": None, "dry_run": True}


async def result(request: Request, told: Told, row: Row, *, dry: bool) -> Fields:
    """What came of one operation of a batch."""
    if answers.is_done(row):
        return {"ok": True, "status": 200, "data": done(told, row, dry=dry)}
    return answers.item_failure(request, await refusal(request, told, row))


async def refusal(request: Request, told: Told, row: Row) -> Declined:
    """Why it was not done, in the same words at every replay."""
    here, told_at, exists = house(request), told.now, True
    if row[0] == answers.CAPPED and row[1]:
        told_at = await run_in_threadpool(_told_at, here, row[2])
    elif row[0] == answers.UNKNOWN_ACCOUNT:
        exists = bool(await run_in_threadpool(_agents, here, {told.wish.agent_id}))
    return answers.refusal(request, told.wish, row, told_at=told_at, agent_exists=exists)


async def must_exist(request: Request, agent_id: str) -> None:
    """Go on only if somebody signed up as this agent.

    raises: Declined
    """
    if not await run_in_threadpool(_agents, house(request), {agent_id}):
        raise Declined("AGENT_NOT_FOUND")


async def strangers(request: Request, wishes: Iterable[Wish]) -> set[str]:
    """Who would be granted credits and never signed up."""
    granted = {wish.agent_id for wish in wishes if isinstance(wish, requests.Grant)}
    return granted - await run_in_threadpool(_agents, house(request), granted) if granted else set()


def agents_of(session: Session, agent_ids: set[str]) -> set[str]:
    """Those of these agents that signed up."""
    return set(session.exec(select(Agent.agent_id).where(col(Agent.agent_id).in_(agent_ids))))


def _agents(here: House, agent_ids: set[str]) -> set[str]:
    with here.sessions() as session:
        return agents_of(session, agent_ids)


def _told_at(here: House, transaction_id: int) -> datetime:
    with here.sessions() as session:
        return session.get_one(Transaction, transaction_id).effective_at
