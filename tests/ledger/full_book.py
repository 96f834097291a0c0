"""A small book in which everything has happened at least once."""

from typing import Any

from ledger import book, chart, credits
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from ledger.operations import Operation
from tests.ledger.make import (
    NOON,
    RAIL,
    after,
    capture,
    debit,
    deduct,
    grant,
    hold,
    refund,
    reinstate,
    release,
    start,
    unwind,
)


def do(sessions: Sessions, *wanted: Operation, minutes: float = 0) -> list[str]:
    """Carry out operations at so many minutes past noon; what came of each."""
    with sessions() as session:
        return [outcome.code for outcome in credits.apply(session, wanted, now=after(minutes))]


def write(sessions: Sessions) -> None:
    """Grants, debits, holds that end in every way, unwinds, refunds, clawbacks, expiry, refusals."""
    _spend(sessions)
    _hold(sessions)
    _refund(sessions)
    _lapse(sessions)
    with sessions() as session:
        fees = Leg(chart.FEES, Amount(3, USD)), Leg(RAIL, Amount(-3, USD))
        book.post(session, Posting("fees:1", "fees", fees, NOON, "test", {"month": "2026-07"}))


def _spend(sessions: Sessions) -> None:
    free = grant("free", 20, expires_at=after(6000))
    do(sessions, grant("bought", 500, cents=490, priority=1), free)
    do(sessions, debit("d1", 50), debit("d2", 7), debit("too much", 9999))
    do(sessions, debit("preview", 1, agent="agt_2"), grant("preview credits", 9, agent="agt_2"))
    do(sessions, debit("preview again", 1, agent="agt_2", daily_job_limit=3))
    do(sessions, unwind("u1", "d1", 20), unwind("u2", "d2"), unwind("u3", "d2"))
    do(sessions, grant("wrong", 6, cents=5), grant("gift", 4), deduct("a1", 8), deduct("a2", 9999))


def _hold(sessions: Sessions) -> None:
    held = {name: hold(name, 11) for name in ("whole", "part", "released", "lapsed", "charged", "nothing")}
    do(sessions, *held.values(), hold("open", 13, minutes=9000), hold("running", 5, minutes=20))
    do(sessions, capture("c1", held["whole"]), capture("c2", held["part"], 4), release("r", held["released"]))
    do(sessions, start("s1", held["charged"]), start("s2", held["nothing"], minutes=12))
    do(sessions, start("s3", hold("running", 5, minutes=20), minutes=8000))
    do(sessions, capture("c3", held["charged"], 6), capture("c4", held["nothing"]), minutes=15)
    do(sessions, capture("c5", held["charged"], 6), capture("c6", held["lapsed"]), minutes=15)


def _refund(sessions: Sessions) -> None:
    who: dict[str, Any] = {"agent": "agt_3"}
    do(sessions, grant("r1", 100, cents=99, **who), grant("r2", 10, cents=10, **who))
    held = hold("before the refund", 90, minutes=6000, **who)
    do(sessions, held, minutes=16)
    do(sessions, refund("back", "r1", cents=50, **who), refund("back2", "r2", cents=3, **who), minutes=17)
    do(sessions, refund("too much back", "r2", cents=30, **who), minutes=17)
    do(sessions, capture("late enough", held, 60), minutes=18)
    do(sessions, reinstate("won", "back2", **who), refund("again", "r2", cents=1, **who), minutes=19)


def _lapse(sessions: Sessions) -> None:
    who: dict[str, Any] = {"agent": "agt_4"}
    do(sessions, grant("future", 8, effective_at=after(7000), **who))
    do(sessions, grant("soon", 8, cents=5, effective_at=after(30), expires_at=after(40), **who))
    do(sessions, debit("after", 1, **who), minutes=41)
