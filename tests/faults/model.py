"""The rules of one agent's credits once more, as values that a search can try, compare and remember."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

DONE: Final = "done"
CAPPED: Final = "DAILY_JOB_CAP_REACHED"
_GONE: Final[Mapping[str, str]] = {
    "captured": "HOLD_CLOSED",
    "released": "HOLD_CLOSED",
    "expired": "HOLD_EXPIRED",
}


class Held(NamedTuple):
    """Credits that were set aside."""

    hold_id: str
    credits: int


@dataclass(frozen=True, slots=True)
class State:
    """What an agent has. `version` counts the changes; `ended` are holds with how they ended."""

    version: int = 0
    posted: int = 0
    holds: frozenset[Held] = frozenset()
    ended: frozenset[tuple[Held, str]] = frozenset()

    @property
    def held(self) -> int:
        """Credits of all open holds."""
        return sum(hold.credits for hold in self.holds)

    @property
    def available(self) -> int:
        """What can be spent."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client was told. None stands for what the reply does not say."""

    code: str = DONE
    version: int | None = None
    posted: int | None = None
    held: int | None = None
    credits: int | None = None
    holds: frozenset[Held] | None = None
    available: int | None = None
    hold_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that takes effect at one moment between `invoked` and `returned`, or never if that is None.

    `answer` is None if nobody was told what came of it.
    """

    kind: str
    name: str
    invoked: int
    returned: int | None
    credits: int | None = None
    hold_id: str | None = None
    answer: Answer | None = None


def after(state: State, operation: Operation) -> State | None:
    """The state after the operation; None if the account could not have answered so in this state."""
    code, then, moved = _does(state, operation)
    told = operation.answer
    if told is None:
        return then if code == DONE else None
    if told.code == CAPPED and code == DONE and operation.kind in ("hold", "debit"):
        # The limit of a day counts jobs that only free credits pay, which no balance shows.
        return state
    shown = Answer(
        code=code,
        version=then.version,
        posted=then.posted,
        held=then.held,
        credits=moved,
        holds=then.holds,
        available=state.available,
        hold_state=_ended_as(state, operation.hold_id),
    )
    return then if _agrees(told, shown) else None


def _agrees(told: Answer, shown: Answer) -> bool:
    """Whether all that was told is so."""
    return all(
        said is None or said == getattr(shown, name)
        for name in Answer.__slots__
        if (said := getattr(told, name)) is not None
    )


def _does(state: State, operation: Operation) -> tuple[str, State, int | None]:
    """What comes of it, the state after it, and how many credits moved."""
    credits = operation.credits or 0
    match operation.kind:
        case "balance":
            return DONE, state, None
        case "grant":
            return DONE, _moved(state, credits), credits
        case "hold" | "debit" | "lapse" if credits > state.available:
            return "INSUFFICIENT_CREDITS", state, None
        case "hold":
            held = Held(operation.hold_id or "", credits)
            return DONE, replace(_moved(state, 0), holds=state.holds | {held}), credits
        case "debit" | "lapse":
            return DONE, _moved(state, -credits), credits
        case _:
            return _ends(state, operation)


def _ends(state: State, operation: Operation) -> tuple[str, State, int | None]:
    held = next((hold for hold in state.holds if hold.hold_id == operation.hold_id), None)
    known = held or next((hold for hold, _ in state.ended if hold.hold_id == operation.hold_id), None)
    if known is None:
        return "HOLD_NOT_FOUND", state, None
    spent, ending = 0, "released" if operation.kind == "release" else "expired"
    if operation.kind == "capture":
        spent, ending = known.credits if operation.credits is None else operation.credits, "captured"
    if spent > known.credits:
        return "HOLD_EXCEEDED", state, None
    if held is None:
        return _GONE[_ended_as(state, operation.hold_id) or ""], state, None
    then = replace(_moved(state, -spent), holds=state.holds - {held}, ended=state.ended | {(held, ending)})
    return DONE, then, spent or held.credits


def _moved(state: State, credits: int) -> State:
    return replace(state, version=state.version + 1, posted=state.posted + credits)


def _ended_as(state: State, hold_id: str | None) -> str | None:
    return next((ending for hold, ending in state.ended if hold.hold_id == hold_id), None)
