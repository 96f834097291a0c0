"""Whether a history and the book say the same, and whether both say something that a house may say.

Four questions: did each acknowledged operation leave exactly its trace in the book, does one key always get
one answer, is there for each agent an order of its operations that explains every answer, and was each
purchase granted once and for money only.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ledger import operations
from ledger.database import Sessions
from tests.faults import book as books
from tests.faults import history as histories
from tests.faults import linearizable, purchases
from tests.faults.book import Book, Row
from tests.faults.history import Told
from tests.faults.model import DONE, Answer, Held, Operation
from tests.faults.purchases import Purchase

SPENDING: Final = frozenset({"hold", "capture", "release", "debit", "grant"})
# What the book does by itself, as the model calls it.
BY_ITSELF: Final = {"grant": "grant", "lot_expiry": "lapse", "hold_expiry": "expiry"}
EVER: Final = -1


@dataclass
class Verdict:
    """What a history is worth. It is accepted if there are no violations; a search that gave up is one."""

    violations: list[str] = field(default_factory=list)
    acknowledged: int = 0
    unanswered: int = 0
    agents: int = 0
    undecided: int = 0


@dataclass
class Asked:
    """All calls under one key: one operation."""

    calls: list[Told] = field(default_factory=list)

    @property
    def first(self) -> Told:
        """The call that came first."""
        return min(self.calls, key=lambda call: call.invoked)

    @property
    def answers(self) -> list[Told]:
        """The calls that somebody answered, in order of their ends."""
        return [call for call in self.calls if call.outcome != "unknown"]


def check(history: Path, sessions: Sessions, *, most_steps: int = linearizable.MOST_STEPS) -> Verdict:
    """Compare what clients were told with the book. Ask when the house has come to rest."""
    told = list(histories.read(history))
    agents = {each.agent for each in told}
    bought = purchases.gather(told)
    book = books.read(sessions, agents=agents, attempts=bought)
    return judge(told, bought, book, most_steps=most_steps)


def judge(
    told: Sequence[Told],
    bought: dict[str, Purchase],
    book: Book,
    *,
    most_steps: int = linearizable.MOST_STEPS,
) -> Verdict:
    """What a history is worth beside a book."""
    asked = _by_key(told)
    spending = {key: each for key, each in asked.items() if each.first.op in SPENDING}
    verdict = Verdict(
        acknowledged=sum(each.outcome != "unknown" for each in told),
        unanswered=sum(not each.answers for each in asked.values()),
        agents=len({each.agent for each in told}),
    )
    if not verdict.acknowledged:
        verdict.violations.append("nothing was acknowledged, so nothing was shown")
    verdict.violations += [
        *_different_answers(asked),
        *_not_as_booked(spending, book),
        *purchases.broken(bought, book),
    ]
    for agent, lived in sorted(_lives(told, spending, bought, book).items()):
        finding = linearizable.judge(lived, most=most_steps)
        if finding.undecided:
            verdict.undecided += 1
            verdict.violations.append(f"{agent}: undecided, the search for an order was given up")
        elif finding.broken:
            verdict.violations.append(f"{agent}: {finding.broken}")
    return verdict


def _by_key(told: Iterable[Told]) -> dict[str, Asked]:
    found: dict[str, Asked] = defaultdict(Asked)
    for call in told:
        if "key" in call.args:
            found[call.args["key"]].calls.append(call)
    return found


def _different_answers(asked: Mapping[str, Asked]) -> Iterator[str]:
    for key, each in asked.items():
        # The book keeps its refusals. A door that does not sell now may well sell later.
        kept = [call for call in each.answers if call.outcome == "ok" or call.op in SPENDING]
        said = {repr((call.outcome, call.code, sorted(call.answer.items()))) for call in kept}
        if len(said) > 1:
            yield f"{key}: {each.first.op} was answered in {len(said)} ways under one key: {sorted(said)}"


def _not_as_booked(spending: Mapping[str, Asked], book: Book) -> Iterator[str]:
    """Acknowledged operations that the book does not know so, and what it knows that nobody asked for."""
    rows = {row.key: row for row in book.rows if row.key is not None}
    for key, row in rows.items():
        if key not in spending and row.done:
            yield f"{key}: nobody asked for a {row.kind} of {row.credits} credits for {row.agent}"
    for key, each in spending.items():
        for call in each.answers[:1]:
            found = rows.get(key)
            if found is None:
                yield f"{key}: {call.op} was answered {call.code or DONE}, and is not in the book"
            elif _as_booked(found) != _as_told(call):
                yield f"{key}: told {_as_told(call)}, booked {_as_booked(found)}"


def _as_booked(row: Row) -> tuple[object, ...]:
    return (row.agent, row.kind, row.done, *((row.transaction_id, row.credits) if row.done else ()))


def _as_told(call: Told) -> tuple[object, ...]:
    done = call.outcome == "ok"
    return (
        call.agent,
        call.op,
        done,
        *((call.answer["transaction_id"], call.answer["credits"]) if done else ()),
    )


def _lives(
    told: Sequence[Told], spending: Mapping[str, Asked], bought: Mapping[str, Purchase], book: Book
) -> dict[str, list[Operation]]:
    """Everything that happened to each agent: what clients asked, and what the house did by itself."""
    rows = {row.key: row for row in book.rows if row.key is not None}
    lives: dict[str, list[Operation]] = defaultdict(list)
    for key, each in spending.items():
        lives[each.first.agent].append(_asked(key, each, rows.get(key)))
    for call in told:
        if call.op == "balance" and call.outcome == "ok":
            lives[call.agent].append(_read(call))
    for row in book.rows:
        if row.key is None and row.done:
            lives[row.agent].append(_by_itself(row, bought))
    end = 1 + max((call.returned for call in told), default=0)
    for agent, standing in book.standings.items():
        shown = Answer(
            version=standing.version, posted=standing.posted, held=standing.held, holds=standing.holds
        )
        lives[agent].append(
            Operation(kind="balance", name="what the book says", invoked=end, returned=end, answer=shown)
        )
    return lives


def _asked(key: str, each: Asked, row: Row | None) -> Operation:
    first, answers = each.first, each.answers
    hold_id = first.args.get("hold_id")
    if first.op == "hold":
        # Whoever was never answered has no name for its hold; the book has.
        known = answers[0].answer.get("hold_id") if answers else None
        hold_id = known or (operations.hold_id(row.reference) if row is not None else key)
    return Operation(
        kind=first.op,
        name=f"{first.op} {key} ({first.args.get('credits') or 'all'})",
        invoked=first.invoked,
        returned=answers[0].returned if answers else None,
        credits=first.args.get("credits"),
        hold_id=hold_id,
        answer=_answer(answers[0]) if answers else None,
    )


def _answer(call: Told) -> Answer:
    said: dict[str, Any] = call.answer
    if call.outcome == "fail":
        available = said.get("available_credits")
        return Answer(code=call.code or "", available=available, hold_state=said.get("hold_state"))
    return Answer(version=said["version"], posted=said["posted"], held=said["held"], credits=said["credits"])


def _read(call: Told) -> Operation:
    said = call.answer
    shown = Answer(
        version=said["version"],
        posted=said["posted"],
        held=said["held"],
        holds=frozenset(Held(*each) for each in said["holds"]),
    )
    return Operation(
        kind="balance",
        name=f"a balance read by client {call.client}",
        invoked=call.invoked,
        returned=call.returned,
        answer=shown,
    )


def _by_itself(row: Row, bought: Mapping[str, Purchase]) -> Operation:
    """Something nobody was answered. What a purchase gives comes after its payment, and before anybody was
    told that it has succeeded; what else the house does by itself can have happened at any time.
    """
    purchase = bought.get(row.reference.removeprefix(books.PURCHASE))
    begins = purchase.paid_from if purchase is not None else None
    return Operation(
        kind=BY_ITSELF.get(row.kind, row.kind),
        name=f"{row.kind} {row.reference}",
        invoked=EVER if begins is None else begins,
        returned=purchase.succeeded_at if purchase is not None else None,
        credits=row.credits,
        hold_id=row.reference.removeprefix("hold_expiry:"),
    )
