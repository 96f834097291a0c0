"""The search on histories whose verdict is known: written by hand, and drawn from the ledger's oracle."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.operations import Hold
from ledger.operations import Operation as Wish
from tests.faults import linearizable
from tests.faults.model import Answer, Held, Operation
from tests.ledger import make
from tests.properties import oracle

CODES: Final = {
    "done": "done",
    "not_enough": "INSUFFICIENT_CREDITS",
    "unknown_hold": "HOLD_NOT_FOUND",
    "hold_closed": "HOLD_CLOSED",
    "exceeds_hold": "HOLD_EXCEEDED",
}
STEP: Final = 10


def op(kind: str, invoked: int, returned: int | None, **told: Any) -> Operation:
    """An operation; a name and an answer come of themselves unless they are given."""
    return Operation(**{"kind": kind, "name": kind, "invoked": invoked, "returned": returned, **told})


def done(version: int, posted: int, held: int = 0, **more: Any) -> Answer:
    """An answer that shows a balance."""
    return Answer(version=version, posted=posted, held=held, **more)


GRANT: Final = op("grant", 0, 1, credits=10, answer=done(1, 10))
H1: Final = Held("h1", 4)


def test_operations_one_after_the_other_are_accepted() -> None:
    lived = [
        GRANT,
        op("hold", 2, 3, credits=4, hold_id="h1", answer=done(2, 10, 4)),
        op("balance", 4, 5, answer=done(2, 10, 4, holds=frozenset({H1}))),
        op("capture", 6, 7, credits=3, hold_id="h1", answer=done(3, 7, 0, credits=3)),
        op("release", 8, 9, hold_id="h1", answer=Answer(code="HOLD_CLOSED", hold_state="captured")),
        op("debit", 10, 11, credits=8, answer=Answer(code="INSUFFICIENT_CREDITS", available=7)),
    ]

    assert linearizable.judge(lived).accepted


def test_operations_that_overlap_may_have_happened_in_either_order() -> None:
    first = op("debit", 2, 9, credits=3, answer=done(3, 5))
    second = op("debit", 3, 8, credits=2, answer=done(2, 8))

    assert linearizable.judge([GRANT, first, second]).accepted


def test_an_order_against_time_is_rejected() -> None:
    first = op("debit", 2, 4, credits=3, answer=done(3, 5))
    second = op("debit", 5, 8, credits=2, answer=done(2, 8))

    finding = linearizable.judge([GRANT, first, second])

    assert finding.broken is not None
    assert "debit was answered" in finding.broken


def test_a_lost_write_is_rejected() -> None:
    lived = [
        GRANT,
        op("debit", 2, 3, credits=3, answer=done(2, 7)),
        op("balance", 4, 5, answer=done(1, 10)),
    ]

    assert linearizable.judge(lived).broken


def test_a_debit_that_was_done_twice_is_rejected() -> None:
    lived = [
        GRANT,
        op("debit", 2, 3, credits=3, answer=done(2, 7)),
        op("balance", 4, 5, answer=done(3, 4)),
    ]

    assert linearizable.judge(lived).broken


def test_two_holds_that_did_not_see_each_other_are_rejected() -> None:
    lived = [
        GRANT,
        op("hold", 2, 8, credits=7, hold_id="h1", answer=Answer()),
        op("hold", 3, 9, credits=7, hold_id="h2", answer=Answer()),
    ]

    assert linearizable.judge(lived).broken


def test_a_refusal_for_which_there_was_no_reason_is_rejected() -> None:
    refused = op("debit", 2, 3, credits=3, answer=Answer(code="INSUFFICIENT_CREDITS"))

    assert linearizable.judge([GRANT, refused]).broken


def test_a_refusal_that_the_model_does_not_know_is_rejected() -> None:
    refused = op("debit", 2, 3, credits=3, answer=Answer(code="AGENT_FROZEN"))

    assert linearizable.judge([GRANT, refused]).broken


@pytest.mark.parametrize("seen", [done(1, 10), done(2, 7)], ids=["never", "done"])
def test_what_nobody_answered_may_have_been_done_or_not(seen: Answer) -> None:
    unanswered = op("debit", 2, None, credits=3)
    read = op("balance", 50, 51, answer=seen)

    assert linearizable.judge([GRANT, unanswered, read]).accepted


def test_what_nobody_answered_is_not_done_before_it_was_asked() -> None:
    read = op("balance", 2, 3, answer=done(2, 7))
    unanswered = op("debit", 4, None, credits=3)

    assert linearizable.judge([GRANT, read, unanswered]).broken


def test_what_nobody_answered_is_not_undone() -> None:
    unanswered = op("debit", 2, None, credits=3)
    reads = [op("balance", 4, 5, answer=done(2, 7)), op("balance", 6, 7, answer=done(1, 10))]

    assert linearizable.judge([GRANT, unanswered, *reads]).broken


def test_a_search_that_grows_too_large_is_undecided() -> None:
    unanswered = [op("debit", 2, None, credits=1, name=f"debit {n}") for n in range(8)]
    read = op("balance", 4, 5, answer=Answer(posted=3))

    finding = linearizable.judge([GRANT, *unanswered, read], most=50)

    assert finding.undecided
    assert not finding.accepted


KINDS: Final = ("grant", "hold", "hold", "capture", "capture", "release", "debit", "balance", "balance")
steps = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.integers(1, 30), st.integers(0, 80), st.integers(0, 80), st.booleans()
    ),
    min_size=2,
    max_size=25,
)
Steps = list[tuple[str, int, int, int, bool]]


def lives(drawn: Steps, *, forgets: bool) -> list[Operation]:
    """What one agent did as the ledger's oracle says, each step at its moment, stretched to both sides.

    `forgets`: some of what was done was never answered.
    """
    agent, holds, lived = oracle.Agent(defaultdict(int), {}), list[Hold](), list[Operation]()
    for place, (kind, units, before, later, forgotten) in enumerate([("grant", 20, 0, 0, False), *drawn]):
        moment = STEP * place + STEP // 2
        invoked, returned, name = moment - before, moment + later, f"{kind} {place}"
        wish = _wish(kind, f"k{place}", units, holds)
        if wish is None:
            lived.append(op("balance", invoked, returned, name=name, answer=_shown(agent)))
            continue
        told, _ = agent.tell(wish, make.NOON)
        if isinstance(wish, Hold):
            holds.append(wish)
        hold_id = getattr(wish, "hold_id", None)
        credits = None if kind == "release" or (kind == "capture" and units > 25) else units
        asked = op(kind, invoked, returned, name=name, credits=credits, hold_id=hold_id, answer=_answer(told))
        lost = forgets and forgotten and told.code == "done"
        lived.append(replace(asked, returned=None, answer=None) if lost else asked)
    end = STEP * len(drawn) + 1000
    return [*lived, op("balance", end, end + 1, name="the last look", answer=_shown(agent))]


def _wish(kind: str, key: str, units: int, holds: Sequence[Hold]) -> Wish | None:
    held = holds[-1 - units % min(3, len(holds))] if holds else make.hold("never told", 1)
    match kind:
        case "grant":
            return make.grant(key, units)
        case "hold":
            return make.hold(key, units)
        case "debit":
            return make.debit(key, units)
        case "capture":
            return make.capture(key, held, None if units > 25 else units)
        case "release":
            return make.release(key, held)
        case _:
            return None


def _shown(agent: oracle.Agent) -> Answer:
    held = frozenset(
        Held(hold_id, each.hold.credits.units)
        for hold_id, each in agent.holds.items()
        if each.state == "open"
    )
    return done(agent.version, agent.posted, agent.held, holds=held)


def _answer(told: oracle.Answer) -> Answer:
    if told.code == "done":
        return done(told.version, told.posted, told.held, credits=told.credits)
    available = told.posted - told.held if told.code == "not_enough" else None
    return Answer(code=CODES[told.code], available=available, hold_state=told.details.get("state"))


@given(steps)
def test_what_the_oracle_did_is_accepted_however_it_overlaps(drawn: Steps) -> None:
    lived = lives(drawn, forgets=True)

    assert linearizable.judge(lived) == linearizable.Finding()


@given(steps, st.integers(0, 100))
def test_an_operation_that_left_no_trace_is_rejected(drawn: Steps, which: int) -> None:
    lived = lives(drawn, forgets=False)
    written = [each for each in lived if _writes(each)]
    lived.remove(written[which % len(written)])

    assert linearizable.judge(lived).broken


@given(steps, st.integers(0, 100))
def test_an_operation_that_was_done_twice_is_rejected(drawn: Steps, which: int) -> None:
    lived = lives(drawn, forgets=False)
    written = [each for each in lived if _writes(each)]
    lived.append(replace(written[which % len(written)], answer=None))

    assert linearizable.judge(lived).broken


@given(steps, st.integers(0, 100), st.sampled_from(["posted", "held", "version"]), st.sampled_from([-1, 1]))
def test_a_balance_that_is_one_off_is_rejected(drawn: Steps, which: int, field: str, off: int) -> None:
    lived = lives(drawn, forgets=False)
    shown = [place for place, each in enumerate(lived) if each.answer and each.answer.posted is not None]
    place = shown[which % len(shown)]
    answer = lived[place].answer
    assert answer is not None
    lived[place] = replace(lived[place], answer=replace(answer, **{field: getattr(answer, field) + off}))

    assert linearizable.judge(lived).broken


@given(steps, st.integers(0, 100))
def test_a_balance_of_before_is_rejected(drawn: Steps, which: int) -> None:
    lived = lives(drawn, forgets=False)
    last = lived[-1]
    shown = [each.answer for each in lived if each.answer and each.answer.version]
    old = shown[which % len(shown)]
    assume(last.answer is not None and old.version != last.answer.version)
    stale = replace(old, credits=None)

    read = op("balance", last.invoked + 2, last.invoked + 3, answer=stale)

    assert linearizable.judge([*lived, read]).broken


def _writes(each: Operation) -> bool:
    return each.kind != "balance" and each.answer is not None and each.answer.code == "done"
