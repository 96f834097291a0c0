"""Correcting house accounts: money from one to another, where neither is anybody else's witness.

What agents own, what is owed for it, what a rail or a processor holds is told by other books: nobody corrects
that by hand.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sqlmodel import Session, text

from ledger import book, chart
from ledger.book import Leg, Posting
from ledger.money import USD, Amount
from office.proposals import typed
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import BadProposal, NotPossible

ACCOUNTS: Final = {
    chart.UNCLAIMED: "money that came and that nobody has credits for",
    chart.RECEIVABLE: "to be had from customers after a clawback",
    chart.REVENUE: "earned by spending",
    chart.BREAKAGE: "earned by expiry",
    chart.LOSSES: "receivables that were given up",
    chart.FEES: "kept by the processor",
    chart.SALES_TAX: "collected with purchases, owed to the state",
    chart.SUSPENSE: "in the processor's balance, and nobody knows whose",
    chart.BANK: "paid out to the bank",
}
"""What can be corrected by hand, and what it means."""
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('proposal.correction', 0))")
# What is owed cannot be less than nothing.
_OWED: Final = frozenset({chart.UNCLAIMED, chart.SUSPENSE, chart.SALES_TAX})


@dataclass(frozen=True, slots=True)
class Correction:
    """`amount` leaves `source` and comes to `target`, counted as the book counts: owed is positive."""

    kind: ClassVar[Kind] = "correction"
    source: str
    target: str
    amount: Amount

    @classmethod
    def typed(cls, fields: Fields) -> Self:
        """What a person typed.

        raises: BadProposal
        """
        source, target = typed.text(fields, "source"), typed.text(fields, "target")
        for account in (source, target):
            if account not in ACCOUNTS:
                raise BadProposal(f"{account} is not corrected by hand")
        if source == target:
            raise BadProposal("money goes from one account to another")
        return cls(source, target, typed.dollars(fields, "amount"))

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        return cls(str(kept["source"]), str(kept["target"]), Amount(int(str(kept["cents"])), USD))

    def kept(self) -> Kept:
        """How the database keeps it."""
        return {"source": self.source, "target": self.target, "cents": self.amount.units}

    @property
    def about(self) -> tuple[str, str]:
        """The account that the money leaves."""
        return "account", self.source

    @property
    def size(self) -> Amount:
        """How much."""
        return self.amount

    @property
    def title(self) -> str:
        """What would be done."""
        return f"move {self.amount} from {self.source} to {self.target}"

    def carry_out(self, session: Session, order: Order) -> Done:
        """Post it, once.

        raises: NotPossible if the account does not hold as much, or the receivable is smaller
        """
        self._check(session)
        posted = book.post(
            session,
            Posting(
                reference=order.key,
                kind="correction",
                legs=(Leg(self.source, -self.amount), Leg(self.target, self.amount)),
                effective_at=order.now,
                actor=order.actor,
                metadata={"proposal_id": order.proposal_id},
            ),
        )
        assert posted.created, f"{order.key} was told before"
        return Done(f"{self.amount} moved from {self.source} to {self.target}", (posted.transaction_id,))

    def _check(self, session: Session) -> None:
        # Whoever else corrects waits: what is there is looked at and moved by one at a time.
        session.connection().execute(_TURN)
        nothing = Amount(0, USD)
        if self.source in _OWED:
            held = book.balance(session, account=self.source)
            if held < self.amount:
                raise NotPossible(f"{self.source} holds {held} now")
        if self.target == chart.RECEIVABLE:
            open_claims = -book.balance(session, account=chart.RECEIVABLE)
            if open_claims < self.amount:
                raise NotPossible(f"only {max(open_claims, nothing)} is receivable now")
