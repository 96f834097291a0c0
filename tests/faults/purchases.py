"""Whether purchases were granted once, for money only, and told of without going back on it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.book import PURCHASE, Book, Row
from tests.faults.history import Told

MONEY_SEEN: Final = frozenset({"processing", "needs_review", "succeeded"})


@dataclass
class Purchase:
    """Everything that was told of one payment."""

    payment_attempt_id: str
    agent: str = ""
    credits: int | None = None
    pays: list[Told] = field(default_factory=list)
    looks: list[Told] = field(default_factory=list)

    @property
    def paid_from(self) -> int | None:
        """When money can have gone out first, None if it never did."""
        return min((pay.invoked for pay in self.pays if pay.outcome != "fail"), default=None)

    @property
    def surely_paid(self) -> bool:
        """Whether the payer knows that money went out."""
        return any(pay.outcome == "ok" for pay in self.pays)

    @property
    def succeeded_at(self) -> int | None:
        """When somebody was first told that the credits are there."""
        return self.first(frozenset({"succeeded"}))

    def first(self, states: frozenset[str]) -> int | None:
        """When somebody was first told one of these states."""
        told = (look.returned for look in self.looks if look.answer["state"] in states)
        return min(told, default=None)


def gather(history: Iterable[Told]) -> dict[str, Purchase]:
    """The purchases of a history, by the id of their payment attempt."""
    found: dict[str, Purchase] = {}
    for told in history:
        name = told.args.get("payment_attempt_id") or told.answer.get("payment_attempt_id")
        if name is None:
            continue
        purchase = found.setdefault(name, Purchase(name))
        if told.op == "buy":
            purchase.agent, purchase.credits = told.agent, told.args["credits"]
        elif told.op == "pay":
            purchase.pays.append(told)
        elif told.op == "status" and told.outcome == "ok":
            purchase.looks.append(told)
    return found


def broken(purchases: dict[str, Purchase], book: Book) -> Iterator[str]:
    """What was granted wrongly, not granted, or told and taken back."""
    grants: dict[str, list[Row]] = defaultdict(list)
    for row in book.rows:
        if row.reference.startswith(PURCHASE) and row.done:
            grants[row.reference.removeprefix(PURCHASE)].append(row)
    for name in grants.keys() - purchases.keys():
        yield f"{name}: granted, and nobody opened this payment"
    for name, purchase in purchases.items():
        yield from (
            f"{name}: {what}"
            for what in _granted(purchase, grants.get(name, ()), asked=name in book.in_review)
        )
        yield from (f"{name}: {what}" for what in _told(purchase))


def _granted(purchase: Purchase, rows: Sequence[Row], *, asked: bool) -> Iterator[str]:
    """What is wrong with the grants of a purchase; `asked`: a person decides about what arrived."""
    if len(rows) > 1:
        yield f"granted {len(rows)} times"
    if rows and purchase.paid_from is None:
        yield "granted, and nobody paid"
    if not rows and purchase.succeeded_at is not None:
        yield "told to have succeeded, and no grant is in the book"
    elif not rows and purchase.surely_paid and not asked:
        yield "paid, and never granted"
    for row in rows:
        if (row.credits, row.agent) != (purchase.credits, purchase.agent):
            yield (
                f"{row.credits} credits were granted to {row.agent},"
                f" and {purchase.credits} were bought by {purchase.agent}"
            )


def _told(purchase: Purchase) -> Iterator[str]:
    succeeded_at, seen_at = purchase.succeeded_at, purchase.first(MONEY_SEEN)
    for look in purchase.looks:
        state, may_pay = look.answer["state"], look.answer["may_pay"]
        if succeeded_at is not None and look.invoked > succeeded_at and state != "succeeded":
            yield f"had succeeded, and was told to be {state} afterwards"
        if seen_at is not None and look.invoked > seen_at and may_pay != "no":
            yield f"may_pay was {may_pay} after its money had been seen"
