"""A watcher with its nodes, plan and database, as a worker has it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from ledger.database import Sessions
from rails.chain import alarms, finality, watcher
from rails.chain.models import ChainAlarm, ChainCursor
from rails.chain.providers import Provider, Providers
from rails.chain.rpc import Rpc
from rails.chain.scanner import Limits, ScanReport
from rails.chain.watcher import Plan
from sandbox.devnet import TOKEN
from tests.chain.fakes import CHAIN_ID, NOON, Watched

USDBC = "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"
PLAN = Plan(
    token=TOKEN.lower(),
    others=(USDBC,),
    policy=finality.parse("safe"),
    limits=Limits(),
    agreement=2,
    lease_seconds=30,
    head_age=timedelta(seconds=60),
    cursor_age=timedelta(seconds=120),
    balance_addresses=100,
)


@dataclass
class Watcher:
    """Reads when told to."""

    sessions: Sessions
    providers: Providers
    watch: Watched
    plan: Plan = PLAN
    holder: str = "here:1"

    def read(self, now: datetime = NOON) -> ScanReport | None:
        """One pass under the lease."""
        return watcher.read(self.sessions, self.providers, self.watch, self.plan, holder=self.holder, now=now)

    def alarms(self) -> list[tuple[str, str]]:
        """What is wrong now: kind and subject."""
        with self.sessions() as session:
            return [(each.kind, each.subject) for each in alarms.open_alarms(session, chain_id=CHAIN_ID)]

    def kinds(self) -> set[str]:
        """The kinds of what is wrong now."""
        return {kind for kind, _ in self.alarms()}

    def ended(self) -> list[str]:
        """The kinds of what was wrong."""
        with self.sessions() as session:
            query = select(ChainAlarm.kind).where(col(ChainAlarm.closed_at).is_not(None))
            return list(session.exec(query.order_by(col(ChainAlarm.alarm_id))))

    def cursor(self) -> ChainCursor:
        """The cursor as it stands."""
        with self.sessions() as session:
            return session.get_one(ChainCursor, CHAIN_ID)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def watching(
    sessions: Sessions,
    *urls: str,
    watch: Watched | None = None,
    clock: Clock | None = None,
    deadline_seconds: float = 5,
    plan: Plan = PLAN,
) -> Iterator[Watcher]:
    """A watcher over these nodes. Without a clock, nodes never rest."""
    with ExitStack() as stack:
        nodes = [
            Provider(
                stack.enter_context(Rpc(url, expect_chain_id=CHAIN_ID, deadline_seconds=deadline_seconds)),
                clock=clock or _ever_later(),
            )
            for url in urls
        ]
        yield Watcher(sessions, Providers(nodes), watch or Watched(), plan)


def _ever_later() -> "Clock":
    return _Hurrying()


class _Hurrying(Clock):
    def __call__(self) -> float:
        self.seconds += 3_600
        return self.seconds
