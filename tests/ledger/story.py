"""One agent's story in every kind of operation, for the tests that read the book."""

from datetime import UTC, datetime, timedelta

from ledger import book, chart, credits
from ledger.book import Leg, Posting
from ledger.credits import Outcome
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import (
    Capture,
    Debit,
    Deduct,
    Grant,
    Hold,
    Operation,
    Refund,
    Reinstate,
    Release,
    Start,
    Unwind,
)

AGENT = "agt_1"
ACTOR = "test"
CHECKOUT = chart.clearing("stripe_checkout")
X402 = chart.clearing("stripe_x402.exact.usdc")
HOUR = timedelta(hours=1)
# Time of booking is the database's own clock: what is told must not lie in its future.
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def do(sessions: Sessions, *wanted: Operation, now: datetime = NOON) -> list[Outcome]:
    """Carry out operations that must not be refused."""
    outcomes = credits.perform(sessions, wanted, now=now)
    assert [outcome.code for outcome in outcomes] == ["done"] * len(wanted)
    return outcomes


def paid(
    key: str,
    units: int,
    *,
    cents: int | None = None,
    clearing: str = CHECKOUT,
    agent: str = AGENT,
    priority: int = 0,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Grant:
    """A grant of `units` credits for as many cents, or for fewer."""
    return Grant(
        key=key,
        agent_id=agent,
        actor=ACTOR,
        credits=Amount(units, CREDIT),
        cents=Amount(units if cents is None else cents, USD),
        clearing=clearing,
        priority=priority,
        effective_at=effective_at,
        expires_at=expires_at,
    )


def promotional(key: str, units: int, *, expires_at: datetime | None = None) -> Grant:
    """Free credits."""
    return Grant(
        key=key,
        agent_id=AGENT,
        actor=ACTOR,
        credits=Amount(units, CREDIT),
        promotional=True,
        expires_at=expires_at,
    )


def hold(key: str, units: int, *, expires_at: datetime = NOON + HOUR, in_flight: bool = False) -> Hold:
    """Credits set aside for the job job_<key>."""
    return Hold(
        key=key,
        agent_id=AGENT,
        actor=ACTOR,
        credits=Amount(units, CREDIT),
        job=f"job_{key}",
        expires_at=expires_at,
        in_flight=in_flight,
    )


def debit(key: str, units: int) -> Debit:
    """A spend for the job job_<key>."""
    return Debit(key=key, agent_id=AGENT, actor=ACTOR, credits=Amount(units, CREDIT), job=f"job_{key}")


def capture(key: str, held: Hold, units: int | None = None) -> Capture:
    """The capture of a hold, all of it or `units`."""
    part = None if units is None else Amount(units, CREDIT)
    return Capture(key=key, agent_id=AGENT, actor=ACTOR, hold_id=held.hold_id, credits=part)


def release(key: str, held: Hold) -> Release:
    """The release of a hold."""
    return Release(key=key, agent_id=AGENT, actor=ACTOR, hold_id=held.hold_id)


def start(key: str, held: Hold) -> Start:
    """The job of a hold has gone to its provider."""
    return Start(key=key, agent_id=AGENT, actor=ACTOR, hold_id=held.hold_id)


def unwind(key: str, spend: str, units: int | None = None) -> Unwind:
    """What a debit or capture took comes back, all of it or `units`."""
    part = None if units is None else Amount(units, CREDIT)
    return Unwind(key=key, agent_id=AGENT, actor=ACTOR, spend=spend, credits=part)


def deduct(key: str, units: int) -> Deduct:
    """Credits that nobody used are taken away."""
    return Deduct(key=key, agent_id=AGENT, actor=ACTOR, credits=Amount(units, CREDIT))


def refund(key: str, grant: str, cents: int) -> Refund:
    """Money of a purchase went back through Checkout."""
    return Refund(
        key=key, agent_id=AGENT, actor=ACTOR, grant=grant, cents=Amount(cents, USD), clearing=CHECKOUT
    )


def reinstate(key: str, refunded: str) -> Reinstate:
    """The money of a refund or dispute came back."""
    return Reinstate(key=key, agent_id=AGENT, actor=ACTOR, refund=refunded, clearing=CHECKOUT)


def processor_fee(sessions: Sessions, cents: int, *, reference: str = "fee:1") -> None:
    """The processor keeps a fee out of what it received."""
    with sessions() as session:
        book.post(
            session,
            Posting(
                reference=reference,
                kind="processor_fee",
                legs=(Leg(CHECKOUT, Amount(cents, USD)), Leg(chart.FEES, Amount(-cents, USD))),
                effective_at=NOON,
                actor=ACTOR,
            ),
        )


def everything(sessions: Sessions) -> None:
    """Grants of every sort, spends of every sort, and everything that can be taken back."""
    later = NOON + 3 * HOUR
    captured, charged, let_go = hold("h1", 40), hold("h2", 20), hold("h3", 5)
    kept = hold("h4", 7, expires_at=NOON + 9 * HOUR)
    do(sessions, promotional("promo", 30, expires_at=NOON + 2 * HOUR), paid("purchase:1", 500))
    do(sessions, paid("purchase:2", 100, cents=73, clearing=X402), debit("d1", 45))
    do(sessions, paid("purchase:3", 6, priority=5, expires_at=NOON + 2 * HOUR))
    do(sessions, captured, charged, let_go, capture("c1", captured, 33), start("s2", charged))
    do(sessions, release("r3", let_go), hold("h5", 9), unwind("u1", "d1", 40))
    # By now the hold h2 was charged, h5 let go, and what was left of the promotional lot has lapsed.
    do(sessions, debit("d2", 1), capture("c2", charged, 12), kept, now=later)
    do(sessions, refund("refund:1", "purchase:1", 100), refund("refund:2", "purchase:1", 400), now=later)
    do(sessions, reinstate("reinstate:2", "refund:2"), unwind("u2", "d2"), now=later)
    processor_fee(sessions, 44)
