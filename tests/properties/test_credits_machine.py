"""Random operations on credits against an oracle of the same rules, which predicts the refusals too.

PENNYRAIL_SOAK_STEPS=200000 plays that many steps, at random, in place of the same 10,000.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlmodel import Session, text

from ledger import balances, credits, database
from ledger.credits import Outcome
from ledger.money import CREDIT, Amount
from ledger.operations import Hold, Operation
from tests.ledger import invariants, make
from tests.properties.oracle import Agent, Answer, Held, Lot

STEPS = 10_000
EACH = 100
SOAK = int(os.environ.get("PENNYRAIL_SOAK_STEPS", "0"))
YEAR_0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUSE = ["issued", "spent", "expired", "prepaid_liability", "revenue", "breakage", "receivable", make.RAIL]

# All there is of two agents and of the house, as of one moment; then what only an event may touch.
EVERYTHING = text(
    """
    WITH mine AS (SELECT id, name FROM account WHERE name = ANY (:agents))
    SELECT
        ARRAY(
            SELECT concat_ws(' ', mine.name, seq, posted, held)
            FROM mine JOIN balance ON account_id = mine.id
        ),
        ARRAY(
            SELECT concat_ws(
                ' ', told.reference, lot.credits, used, held, cents, cents_used, reversing,
                pending::int, open::int
            )
            FROM mine
            JOIN lot ON lot.account_id = mine.id
            JOIN ledger_transaction AS told ON told.id = granted_in
        ),
        ARRAY(
            SELECT concat_ws(
                ' ', hold.id, state, hold.captured, in_flight::int, extract(epoch FROM expires_at)::bigint
            )
            FROM mine JOIN hold ON account_id = mine.id
        ),
        ARRAY(
            SELECT concat_ws(' ', wanted.name, coalesce(sum(posted), 0))
            FROM unnest(CAST(:house AS text[])) AS wanted (name)
            LEFT JOIN account ON account.name = wanted.name
            LEFT JOIN balance ON account_id = account.id
            GROUP BY wanted.name
        ),
        ARRAY(
            SELECT concat_ws(' ', mine.name, last_at, encode(head, 'hex'))
            FROM mine JOIN balance ON account_id = mine.id
        )
    """
)
Picture = tuple[list[str], ...]

# Or the oracle would have agreed about too little.
MUST_MEET = {
    **dict.fromkeys(("grant", "hold_expiry", "lot_begin", "lot_expiry", "clawback"), "done"),
    **dict.fromkeys(("hold", "debit"), "done not_enough version_mismatch"),
    **dict.fromkeys(("start", "capture", "release"), "done hold_closed"),
    "unwind": "done exceeds_spend",
    "refund": "done exceeds_purchase",
    "reinstate": "done already_reinstated",
}

few = st.integers(1, 30)
cents = st.sampled_from([0, 0, 1, 7, 10, 99, 100])
minutes = st.sampled_from([5, 20, 60, 200])
maybe_minutes = st.none() | minutes
any_of = st.integers(0, 10**6)


def pick(found: Any, place: int) -> Any:
    """One of what there is; the newest is the likeliest."""
    known = list(found)
    return known[-1 - min(place, place % 7) % len(known)] if known else None


def machine(engine: Engine, runs: Iterator[int], steps: Iterator[int]) -> type[RuleBasedStateMachine]:
    """A machine with two agents of its own in each run, later than all runs before."""
    sessions = database.sessions(engine)

    class CreditsMachine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.run = next(runs)
            self.now = YEAR_0 + timedelta(days=10 * self.run)
            self.keys = count()
            self.house: dict[str, int] = {}
            self.told: dict[str, Any] = {}
            self.agents = {f"{name}{self.run}": Agent(self.house, self.told) for name in ("a", "b")}
            with sessions() as session:
                credits.settle_due(session, now=self.now, most=1000)
                self.seen = self.read(session)
            for row in self.seen[3]:
                account, units = row.split()
                self.house[account.removesuffix(":rail")] = int(units)
            self.predicted = self.picture()
            self.tell(make.grant(self.key(), 20, agent=self.agent(0)))

        # What is done

        @rule(
            units=few,
            paid=cents,
            priority=st.sampled_from([0, 0, 0, 1]),
            begins=maybe_minutes,
            lasts=maybe_minutes,
        )
        def grant(self, units: int, paid: int, priority: int, begins: int | None, lasts: int | None) -> None:
            times = {
                "effective_at": self.later(begins) if begins in (5, 20) else None,
                "expires_at": self.later(lasts and lasts + (begins or 0)),
            }
            self.tell(
                make.grant(self.key(), units, cents=paid, agent=self.agent(units), priority=priority, **times)
            )

        @rule(units=few, lasts=minutes, at_once=st.booleans(), condition=any_of)
        def hold(self, units: int, lasts: int, at_once: bool, condition: int) -> None:
            more = {"expires_at": self.later(lasts), "in_flight": at_once, **self.condition(condition)}
            self.tell(make.hold(self.key(), units, agent=self.agent(condition), **more))

        @rule(units=few, condition=any_of)
        def debit(self, units: int, condition: int) -> None:
            self.tell(make.debit(self.key(), units, agent=self.agent(condition), **self.condition(condition)))

        @rule(which=any_of, lasts=maybe_minutes, who=any_of)
        def start(self, which: int, lasts: int | None, who: int) -> None:
            if held := self.some_hold(which):
                begun = make.start(self.key(), held, agent=self.owner(held.agent_id, who))
                self.tell(replace(begun, expires_at=self.later(lasts)))

        @rule(which=any_of, units=st.none() | few, who=any_of)
        def capture(self, which: int, units: int | None, who: int) -> None:
            if held := self.some_hold(which):
                self.tell(make.capture(self.key(), held, units, agent=self.owner(held.agent_id, who)))

        @rule(which=any_of, who=any_of)
        def release(self, which: int, who: int) -> None:
            if held := self.some_hold(which):
                self.tell(make.release(self.key(), held, agent=self.owner(held.agent_id, who)))

        @rule(which=any_of, units=st.none() | few, who=any_of)
        def unwind(self, which: int, units: int | None, who: int) -> None:
            spends = [
                (key, name) for name, one in self.agents.items() for key in [*one.spends, *one.charges()]
            ]
            if spend := pick(spends, which):
                self.tell(make.unwind(self.key(), spend[0], units, agent=self.owner(spend[1], who)))

        @rule(
            which=any_of, part=st.sampled_from([1, 2, 3, 7]), more=st.sampled_from([0, 0, 0, 1]), who=any_of
        )
        def refund(self, which: int, part: int, more: int, who: int) -> None:
            bought = [lot for one in self.agents.values() for lot in one.grants.values() if lot.cents or more]
            if lot := pick(bought, which):
                units = max(1, lot.grant.cents.units // part + more)
                agent = self.owner(lot.grant.agent_id, who)
                self.tell(make.refund(self.key(), lot.grant.key, cents=units, agent=agent))

        @rule(which=any_of, who=any_of)
        def reinstate(self, which: int, who: int) -> None:
            refunds = [(key, name) for name, one in self.agents.items() for key in one.refunds]
            if undone := pick(refunds, which):
                self.tell(make.reinstate(self.key(), undone[0], agent=self.owner(undone[1], who)))

        @rule(which=any_of)
        def replay(self, which: int) -> None:
            if told := pick(self.told.values(), which):
                self.tell(told[0])

        @rule(which=any_of, units=few)
        def confuse(self, which: int, units: int) -> None:
            if told := pick(self.told.values(), which):
                more = {"credits": Amount(units, CREDIT)} if hasattr(told[0], "credits") else {}
                self.tell(replace(told[0], agent_id=self.owner(told[0].agent_id, units), **more))

        @rule(which=any_of, units=few)
        def try_dry(self, which: int, units: int) -> None:
            name = self.agent(which)
            with sessions() as session:
                (would,) = credits.dry_run(session, [make.debit("dry", units, agent=name)], now=self.now)
                self.compare(session)
                assert credits.outcome_of(session, key="dry") is None
            assert would.code in {"done", "not_enough", "unknown_account"}

        @rule(passed=st.sampled_from([1, 5, 20, 61]))
        def wait(self, passed: int) -> None:
            self.now += timedelta(minutes=passed)

        @rule()
        def sweep(self) -> None:
            with sessions() as session:
                credits.settle_due(session, now=self.now)
                self.settled(session, self.agents)

        @rule(which=any_of)
        def look(self, which: int) -> None:
            name = self.agent(which)
            with sessions() as session:
                found = balances.snapshot(session, agent_id=name, now=self.now)
                self.settled(session, [name])
            mine = self.agents[name]
            assert (found.version, found.posted.units, found.held.units) == (
                mine.version,
                mine.posted,
                mine.held,
            )
            assert sorted(each.hold_id for each in found.holds) == sorted(
                key for key, held in mine.holds.items() if held.state == "open"
            )
            assert found.free(promotional=True) + found.free(promotional=False) == found.available

        # Who, when, under which conditions

        def key(self) -> str:
            return f"{self.run}:{next(self.keys)}"

        def agent(self, place: int) -> str:
            """Mostly the first of the two."""
            return list(self.agents)[place % 5 == 4]

        def owner(self, agent_id: str, place: int) -> str:
            """`agent_id`, and now and then the other agent."""
            (other,) = self.agents.keys() - {agent_id}
            return other if place % 11 == 3 else agent_id

        def later(self, passed: int | None) -> datetime | None:
            return None if passed is None else self.now + timedelta(minutes=passed)

        def condition(self, place: int) -> dict[str, Any]:
            mine = self.agents[self.agent(place)]
            some: list[dict[str, Any]] = [
                {"expect_version": mine.version},
                {"expect_version": mine.version - 1},
                {"minimum_left": Amount(place % 20, CREDIT)},
                {"daily_job_limit": place // 9 % 3},
                {"daily_job_limit": 1},
            ]
            return some[place % 9] if place % 9 < len(some) else {}

        def some_hold(self, which: int) -> Hold | None:
            held = pick([held for one in self.agents.values() for held in one.holds.values()], which)
            return None if held is None else held.hold

        # How it is compared

        def tell(self, op: Operation) -> None:
            expected, replayed = self.agents[op.agent_id].tell(op, self.now)
            with sessions() as session:
                found = credits.apply_one(session, op, now=self.now)
                self.compare(session)
            assert (found.code, found.replayed, said(found)) == (expected.code, replayed, wrote(expected)), op
            assert expected.details.items() <= found.details.items(), op

        def settled(self, session: Session, names: Iterable[str]) -> None:
            for name in names:
                self.agents[name].settle(self.now)
            self.compare(session)

        @invariant()
        def count_steps(self) -> None:
            next(steps)

        def compare(self, session: Session) -> None:
            before, self.seen = self.seen, self.read(session)
            known, self.predicted = self.predicted, self.picture()
            assert self.seen[:4] == self.predicted
            if self.predicted == known:
                assert self.seen == before, "nothing happened, and yet something was written"

        def read(self, session: Session) -> Picture:
            named = {"agents": [f"agent:{name}" for name in self.agents], "house": HOUSE}
            row = session.connection().execute(EVERYTHING, named).one()
            return tuple(sorted(part) for part in row)

        def picture(self) -> Picture:
            """What `read` must find."""
            known = [(name, one) for name, one in self.agents.items() if one.opened]
            return (
                sorted(f"agent:{name} {one.version} {one.posted} {one.held}" for name, one in known),
                sorted(lot_row(lot) for _, one in known for lot in one.lots),
                sorted(hold_row(held) for _, one in known for held in one.holds.values()),
                sorted(f"{account} {self.house[account.removesuffix(':rail')]}" for account in HOUSE),
            )

    return CreditsMachine


def said(found: Outcome) -> tuple[int | None, ...] | None:
    if found.standing is None:
        return None
    standing, moved = found.standing, found.credits
    return (
        None if moved is None else moved.units,
        standing.version,
        standing.posted.units,
        standing.held.units,
    )


def wrote(answer: Answer) -> tuple[int | None, ...] | None:
    return None if answer.code == "conflict" else (answer.credits, answer.version, answer.posted, answer.held)


def lot_row(lot: Lot) -> str:
    waiting = sum(one.wanted - one.taken for one in lot.reversals if not one.reinstated)
    counted = (lot.credits, lot.used, lot.held, lot.cents, lot.cents_used, waiting)
    return " ".join(map(str, (lot.grant.key, *counted, int(lot.pending), int(lot.used < lot.credits))))


def hold_row(held: Held) -> str:
    ends = int(held.expires_at.timestamp())
    return f"{held.hold.hold_id} {held.state} {held.captured} {int(held.in_flight)} {ends}"


@pytest.mark.timeout(24 * 3600 if SOAK else 1200)
def test_credits_move_as_the_oracle_says(engine: Engine) -> None:
    steps = count()
    run_state_machine_as_test(
        machine(engine, count(), steps),
        settings=settings(
            max_examples=2 * (SOAK or STEPS) // EACH,
            stateful_step_count=EACH,
            deadline=None,
            derandomize=not SOAK,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert next(steps) >= (SOAK or STEPS)
    invariants.check_book(database.sessions(engine))
    with engine.connect() as connection:
        met = set(connection.scalars(text("SELECT kind || ' ' || outcome FROM ledger_transaction")))
    assert met >= {f"{kind} {code}" for kind, codes in MUST_MEET.items() for code in codes.split()}
