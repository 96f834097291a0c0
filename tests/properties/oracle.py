"""The rules of credits once more, on plain Python objects and without a database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger.operations import (
    Capture,
    Debit,
    Grant,
    Hold,
    Operation,
    Refund,
    Reinstate,
    Release,
    Start,
    Unwind,
)

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Lot:
    """The credits of one grant."""

    grant: Grant
    begins: datetime
    credits: int
    cents: int
    pending: bool
    used: int = 0
    held: int = 0
    cents_used: int = 0
    reversals: list["Reversal"] = field(default_factory=list)

    @property
    def free(self) -> int:
        return self.credits - self.used - self.held

    def lapsed(self, now: datetime) -> bool:
        return self.grant.expires_at is not None and self.grant.expires_at <= now

    def use(self, part: int) -> int:
        """Use `part`, and say for how many cents: the share of all used now, less what it was before."""
        if not part:
            return 0
        self.used += part
        due = self.cents if self.used == self.credits else self.cents * self.used // self.credits
        earned = max(0, due - self.cents_used)
        self.cents_used += earned
        return earned

    def shrink(self, part: int) -> int:
        """Take `part` of what is unused away, and say how many cents go with it."""
        owed = self.cents - self.cents_used
        gone = owed if part == self.credits - self.used else min(owed, self.cents * part // self.credits)
        self.credits -= part
        self.cents -= gone
        if self.pending:
            self.held -= part
        return gone


@dataclass
class Reversal:
    lot: Lot
    cents: int
    wanted: int
    taken: int = 0
    taken_cents: int = 0
    reinstated: bool = False


@dataclass
class Use:
    """What one spend used of one lot, and how much of that was given back."""

    lot: Lot
    used: int
    cents: int
    back: int = 0
    back_cents: int = 0


@dataclass
class Held:
    hold: Hold
    pins: list[tuple[Lot, int]]
    expires_at: datetime
    in_flight: bool
    state: str = "open"
    captured: int = 0
    charge: list[Use] = field(default_factory=list)
    late: bool = False


@dataclass
class Answer:
    code: str
    credits: int | None
    version: int
    posted: int
    held: int
    details: dict[str, Any] = field(default_factory=dict)


House = dict[str, int]


@dataclass
class Agent:
    """All that one agent has. The house accounts and the keys are everybody's."""

    house: House
    told: dict[str, tuple[Operation, Answer]]
    opened: bool = False
    version: int = 0
    lots: list[Lot] = field(default_factory=list)
    grants: dict[str, Lot] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    spends: dict[str, list[Use]] = field(default_factory=dict)
    refunds: dict[str, Reversal] = field(default_factory=dict)
    jobs: dict[object, int] = field(default_factory=dict)

    @property
    def posted(self) -> int:
        return sum(lot.credits - lot.used for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(lot.held for lot in self.lots)

    def tell(self, op: Operation, now: datetime) -> tuple[Answer, bool]:
        """The answer, and whether it is a replay."""
        # An agent gets its account as soon as anybody wants to give it credits, under whatever key.
        self.opened |= isinstance(op, Grant)
        if op.key in self.told:
            asked, answer = self.told[op.key]
            if asked == op:
                return answer, True
            return Answer("conflict", None, 0, 0, 0), False
        if not self.opened:
            return self._kept(op, self._answer("unknown_account", _asked(op))), False
        self.settle(now)
        rules: dict[type, Callable[[Any, datetime], Answer]] = {
            Grant: self._grant,
            Hold: self._hold,
            Debit: self._debit,
            Start: self._start,
            Capture: self._capture,
            Release: self._release,
            Unwind: self._unwind,
            Refund: self._refund,
            Reinstate: self._reinstate,
        }
        return self._kept(op, rules[type(op)](op, now)), False

    def settle(self, now: datetime) -> None:
        """What the clock makes due: lots begin, holds end, lots lapse."""
        for lot in self.lots:
            if lot.pending and lot.credits and lot.begins <= now:
                lot.pending, lot.held = False, 0
                self._moved()
        due = [held for held in self.holds.values() if held.state == "open" and held.expires_at <= now]
        for held in sorted(due, key=lambda one: (one.expires_at, one.hold.hold_id)):
            charged = held.hold.credits.units if held.in_flight else 0
            held.charge = self._close(held, charged, "charged" if charged else "expired")
            self._freed([lot for lot, _ in held.pins], now)
        self._lapse(self.lots, now)

    def _kept(self, op: Operation, answer: Answer) -> Answer:
        self.told[op.key] = (op, answer)
        return answer

    def _answer(self, code: str, units: int | None, **details: Any) -> Answer:
        return Answer(code, units, self.version, self.posted, self.held, details)

    def _moved(self, **house: int) -> None:
        self.version += 1
        self._booked(**house)

    def _booked(self, **house: int) -> None:
        for account, units in house.items():
            self.house[account] += units

    # Giving

    def _grant(self, op: Grant, now: datetime) -> Answer:
        pending = op.effective_at is not None and op.effective_at > now
        units, cents = op.credits.units, op.cents.units
        lot = Lot(op, op.effective_at or now, units, cents, pending, held=units if pending else 0)
        self.lots.append(lot)
        self.grants[op.key] = lot
        self._moved(issued=-units, clearing=-cents, prepaid_liability=cents)
        return self._answer("done", units)

    # Spending

    def _refusal(self, op: Hold | Debit, now: datetime) -> str | None:
        left = self.posted - self.held - op.credits.units
        if op.expect_version not in (None, self.version):
            return "version_mismatch"
        if left < 0:
            return "not_enough"
        if op.minimum_left is not None and left < op.minimum_left.units:
            return "below_minimum"
        bought = any(lot.free for lot in self.lots if not lot.grant.promotional)
        if op.daily_job_limit is None or bought:
            return None
        if self.jobs.get(now.date(), 0) >= op.daily_job_limit:
            return "daily_job_cap_reached"
        self.jobs[now.date()] = self.jobs.get(now.date(), 0) + 1
        return None

    def _burn(self, wanted: int) -> list[tuple[Lot, int]]:
        """By priority, the earliest expiry, the promotional before the bought, the oldest."""
        order = sorted(
            self.lots,
            key=lambda lot: (lot.grant.priority, lot.grant.expires_at or NEVER, not lot.grant.promotional),
        )
        parts = []
        for lot in order:
            part = min(lot.free, wanted)
            if part:
                parts.append((lot, part))
                wanted -= part
        return parts

    def _hold(self, op: Hold, now: datetime) -> Answer:
        refusal = self._refusal(op, now)
        if refusal:
            return self._answer(refusal, op.credits.units)
        pins = self._burn(op.credits.units)
        for lot, part in pins:
            lot.held += part
        self.holds[op.hold_id] = Held(op, pins, op.expires_at, op.in_flight)
        self._moved()
        return self._answer("done", op.credits.units, pins=[part for _, part in pins])

    def _debit(self, op: Debit, now: datetime) -> Answer:
        refusal = self._refusal(op, now)
        if refusal:
            return self._answer(refusal, op.credits.units)
        self.spends[op.key] = self._spend(self._burn(op.credits.units))
        self._moved()
        return self._answer("done", op.credits.units)

    def _spend(self, parts: list[tuple[Lot, int]]) -> list[Use]:
        uses = [Use(lot, part, lot.use(part)) for lot, part in parts if part]
        cents = sum(use.cents for use in uses)
        self._booked(spent=sum(use.used for use in uses), prepaid_liability=-cents, revenue=cents)
        return uses

    def _close(self, held: Held, captured: int, state: str) -> list[Use]:
        for lot, pin in held.pins:
            lot.held -= pin
        held.state, held.captured = state, captured
        parts = []
        for lot, pin in held.pins:
            parts.append((lot, min(pin, captured)))
            captured -= min(pin, captured)
        uses = self._spend(parts)
        self._moved()
        return uses

    def _found(self, op: Start | Capture | Release) -> Held | None:
        return self.holds.get(op.hold_id)

    def _ended(self, held: Held, units: int | None) -> Answer:
        code = "hold_expired" if held.state == "expired" else "hold_closed"
        return self._answer(code, units, state=held.state)

    def _start(self, op: Start, _now: datetime) -> Answer:
        held = self._found(op)
        if held is None:
            return self._answer("unknown_hold", None)
        if held.state != "open":
            return self._ended(held, None)
        held.in_flight = True
        held.expires_at = max(held.expires_at, op.expires_at or held.expires_at)
        return self._answer("done", held.hold.credits.units)

    def _release(self, op: Release, now: datetime) -> Answer:
        held = self._found(op)
        if held is None:
            return self._answer("unknown_hold", None)
        if held.state == "charged":
            return self._late(held, 0, now, asked=None)
        if held.state != "open":
            return self._ended(held, None)
        self._close(held, 0, "released")
        answer = self._answer("done", held.hold.credits.units)
        self._freed([lot for lot, _ in held.pins], now)
        return answer

    def _capture(self, op: Capture, now: datetime) -> Answer:
        held = self._found(op)
        if held is None:
            return self._answer("unknown_hold", _asked(op))
        whole = held.hold.credits.units
        wanted = whole if op.credits is None else op.credits.units
        if wanted > whole:
            return self._answer("exceeds_hold", wanted, hold_credits=whole)
        if held.state == "open":
            self.spends[op.key] = self._close(held, wanted, "captured")
            answer = self._answer("done", wanted, released=whole - wanted)
            self._freed([lot for lot, _ in held.pins], now)
            return answer
        if held.state != "charged":
            return self._ended(held, _asked(op))
        if not held.late:
            self.spends[op.key] = held.charge
        return self._late(held, wanted, now, asked=_asked(op))

    def _late(self, held: Held, wanted: int, now: datetime, *, asked: int | None) -> Answer:
        if held.late:
            return self._answer("hold_closed", asked, state="captured")
        held.late = True
        left = sum(use.used - use.back for use in held.charge)
        answer, lots = self._give_back(held.charge, max(0, left - wanted))
        answer.details = {"charged_at_expiry": True, "captured": wanted}
        self._freed(lots, now)
        return answer

    def charges(self) -> dict[str, list[Use]]:
        """What the clock charged, under the keys that the book itself gave to that."""
        ended = self.holds.values()
        return {f"hold_expiry:{one.hold.hold_id}": one.charge for one in ended if one.state == "charged"}

    # Taking back

    def _unwind(self, op: Unwind, now: datetime) -> Answer:
        uses = self.spends.get(op.spend) or self.charges().get(op.spend)
        if uses is None:
            return self._answer("unknown_spend", _asked(op))
        left = sum(use.used - use.back for use in uses)
        wanted = left if op.credits is None else op.credits.units
        if wanted > left or not left:
            return self._answer("exceeds_spend", _asked(op), left=left)
        answer, lots = self._give_back(uses, wanted)
        self._freed(lots, now)
        return answer

    def _give_back(self, uses: list[Use], wanted: int) -> tuple[Answer, list[Lot]]:
        """The last used comes back first."""
        if not wanted:
            return self._answer("done", 0), []
        cents, lots, units = 0, [], wanted
        for use in reversed(uses):
            part = min(wanted, use.used - use.back)
            if part:
                wanted -= part
                use.back += part
                part_cents = use.cents * use.back // use.used - use.back_cents
                use.back_cents += part_cents
                use.lot.used -= part
                use.lot.cents_used -= part_cents
                cents += part_cents
                lots.append(use.lot)
        self._moved(spent=-units, prepaid_liability=cents, revenue=-cents)
        return self._answer("done", units), lots

    def _refund(self, op: Refund, _now: datetime) -> Answer:
        lot = self.grants.get(op.grant)
        if lot is None:
            return self._answer("unknown_grant", None)
        paid, standing = lot.grant.cents.units, [one for one in lot.reversals if not one.reinstated]
        before = sum(one.cents for one in standing)
        if op.cents.units > paid - before:
            return self._answer("exceeds_purchase", None, left_cents=paid - before)
        in_all = lot.grant.credits.units * (before + op.cents.units) // paid
        wanted = max(0, in_all - sum(one.wanted for one in standing))
        taken = min(wanted, lot.credits if lot.pending else lot.free)
        gone = lot.shrink(taken) if taken else 0
        undone = Reversal(lot, op.cents.units, wanted, taken, gone)
        lot.reversals.append(undone)
        self.refunds[op.key] = undone
        lost = op.cents.units - gone
        self._booked(issued=taken, prepaid_liability=-gone, receivable=-lost, clearing=op.cents.units)
        self.version += 1 if taken else 0
        return self._answer("done", taken, receivable_cents=lost)

    def _reinstate(self, op: Reinstate, now: datetime) -> Answer:
        undone = self.refunds.get(op.refund)
        if undone is None:
            return self._answer("unknown_refund", None)
        if undone.reinstated:
            return self._answer("already_reinstated", None)
        undone.reinstated = True
        lot, taken, cents = undone.lot, undone.taken, undone.taken_cents
        lot.credits += taken
        lot.cents += cents
        lot.held += taken if lot.pending else 0
        lost = undone.cents - cents
        self._booked(issued=-taken, prepaid_liability=cents, receivable=lost, clearing=-undone.cents)
        self.version += 1 if taken else 0
        answer = self._answer("done", taken)
        self._freed([lot], now)
        return answer

    # What follows

    def _freed(self, lots: list[Lot], now: datetime) -> None:
        """A refund that could not take everything takes what comes free; what has lapsed meanwhile lapses."""
        for lot in lots:
            for undone in lot.reversals:
                part = min(undone.wanted - undone.taken, 0 if lot.pending else lot.free)
                if part and not undone.reinstated:
                    gone = lot.shrink(part)
                    undone.taken += part
                    undone.taken_cents += gone
                    self._moved(issued=part, prepaid_liability=-gone, receivable=gone)
        self._lapse(lots, now)

    def _lapse(self, lots: list[Lot], now: datetime) -> None:
        for lot in lots:
            if lot.lapsed(now) and lot.free:
                part = lot.free
                cents = lot.use(part)
                self._moved(expired=part, prepaid_liability=-cents, breakage=cents)


def _asked(op: Operation) -> int | None:
    wanted = getattr(op, "credits", None)
    return None if wanted is None else int(wanted.units)
