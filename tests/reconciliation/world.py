"""Books of a processor that say what a test wants, a shop over fake rails, and what is told of its items."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlmodel import col, select

from ledger import audit, book, chart, credits, reports
from ledger.database import Sessions
from ledger.money import USD, Amount
from ledger.operations import Refund, Reinstate
from rails import catalog, errors, purchase
from rails.chain.models import FINAL, ChainCursor, Deposit
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from rails.models import PaymentAttempt
from rails.processor import Movement, Payout
from rails.rail import CryptoDeposit
from rails.reconciliation import run
from rails.reconciliation.models import Item, ItemState, Run
from rails.reconciliation.settings import ReconciliationSettings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "agt_1"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
SETTINGS = ReconciliationSettings()


@dataclass
class FakeBooks:
    """The books of a processor, in memory; `breaks_after` cuts a reading off in the middle of its pages."""

    processor_id: str = "stripe"
    moved: list[Movement] = field(default_factory=list)
    paid_out: list[Payout] = field(default_factory=list)
    taxes: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    off_cents: int = 0
    breaks_after: int | None = None
    readings: int = 0

    def movements(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Movement]:
        """What was created in a window, newest first as Stripe tells it."""
        self.readings += 1
        if self.breaks_after is not None and self.readings > self.breaks_after:
            raise errors.RailUnreachable("the second page did not come")
        return [each for each in self.moved if begins_at <= each.created_at < ends_at][::-1]

    def payouts(self, *, begins_at: datetime, ends_at: datetime) -> Sequence[Payout]:
        """The payouts of a window."""
        return [each for each in self.paid_out if begins_at <= each.created_at < ends_at]

    def parts_of(self, payout_id: str) -> Sequence[str]:
        """What a payout consists of."""
        return self.parts.get(payout_id, [])

    def tax_of(self, payment_intent: str) -> Amount:
        """The tax of a payment."""
        return Amount(self.taxes.get(payment_intent, 0), USD)

    def balance(self) -> Amount:
        """The sum of all that moved in dollars, and `off_cents` that nobody has told."""
        return Amount(sum(each.net for each in self.moved if each.currency == "usd") + self.off_cents, USD)

    def move(
        self,
        amount: int,
        *,
        kind: str = "charge",
        fee: int = 0,
        at: datetime = NOON,
        attempt: str | None = None,
        charge: str | None = None,
        intent: str | None = None,
        source: str | None = None,
        currency: str = "usd",
    ) -> Movement:
        """Let money move."""
        movement = Movement(
            movement_id=f"txn_{len(self.moved) + 1}",
            type=kind,
            amount=amount,
            fee=fee,
            currency=currency,
            source=source or charge,
            charge=charge,
            payment_intent=intent,
            payment_attempt_id=attempt,
            transaction_hash=None,
            created_at=at,
            available_on=at,
        )
        self.moved.append(movement)
        return movement


@dataclass
class Shop:
    """An agent that buys, a processor that receives, and the house that compares them."""

    sessions: Sessions
    books: FakeBooks = field(default_factory=FakeBooks)
    page: FakeRail = field(default_factory=hosted_page)
    deposit: FakeRail = field(default_factory=crypto_deposit)
    knocked: list[str] = field(default_factory=list)
    bought: int = 0

    def buy(self, rail: FakeRail, *, at: datetime = NOON) -> str:
        """An open attempt to buy 500 credits."""
        self.bought += 1
        key = f"key-{self.bought}"
        terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
        rails = {rail.rail_id: rail}
        quote = purchase.quote(
            self.sessions, rails, agent_id=AGENT, terms=terms, idempotency_key=key, now=at
        ).quote
        view = purchase.buy(
            self.sessions,
            rails,
            agent_id=AGENT,
            quote_id=quote.quote_id,
            rail_id=rail.rail_id,
            idempotency_key=key,
            now=at,
        ).view
        assert view.attempt is not None
        return view.attempt.payment_attempt_id

    def reference(self, attempt_id: str) -> str:
        """What the processor calls an attempt."""
        with self.sessions() as session:
            found = session.get_one(PaymentAttempt, attempt_id).reference
        assert found is not None
        return found

    def grant(self, rail: FakeRail, *, at: datetime = NOON) -> str:
        """An attempt that was paid and granted; the processor's books say nothing yet."""
        attempt_id = self.buy(rail, at=at)
        rail.pay(self.reference(attempt_id))
        settled = purchase.settle(self.sessions, {rail.rail_id: rail}, payment_attempt_id=attempt_id, now=at)
        assert settled.granted
        return attempt_id

    def charge(self, attempt_id: str, cents: int = 500, *, at: datetime = NOON, fee: int = 45) -> str:
        """Let the money of an attempt reach the processor; the charge's id."""
        charge = f"ch_{attempt_id}"
        self.books.move(cents, fee=fee, at=at, attempt=attempt_id, charge=charge, intent=f"pi_{attempt_id}")
        return charge

    def carry(self, attempt_id: str, cents: int = 500, *, at: datetime = NOON) -> None:
        """Let the chain carry a payment to its address, for ever."""
        opened = self.deposit.opened[attempt_id].instructions
        assert isinstance(opened, CryptoDeposit)
        self.drop(cents, address=opened.address.lower(), at=at)

    def drop(self, cents: int, *, address: str = "0x" + "cc" * 20, at: datetime = NOON) -> str:
        """Let the chain carry tokens to an address, for ever; the hash of the block."""
        digest = f"0x{abs(hash((address, cents, at))):064x}"
        row = Deposit(
            chain_id=8453,
            block_hash=digest,
            log_index=0,
            block_number=1,
            block_time=at,
            tx_hash=digest,
            token=USDC,
            sender="0x" + "aa" * 20,
            address=address,
            amount=Decimal(cents * 10_000),
            state=FINAL,
            first_seen_at=at,
            confirmed_at=at,
            final_at=at,
        )
        with self.sessions() as session:
            session.add(row)
            if session.get(ChainCursor, 8453) is None:
                session.add(_cursor(digest, at=at))
        return digest

    def take_back(self, attempt_id: str, cents: int, *, name: str = "re_1", at: datetime = NOON) -> None:
        """Have the book take back what a refund paid for."""
        with self.sessions() as session:
            rail_id = session.get_one(PaymentAttempt, attempt_id).rail_id
            done = credits.apply_one(
                session,
                Refund(
                    key=f"refund:{name}",
                    agent_id=AGENT,
                    actor="test",
                    grant=f"purchase:{attempt_id}",
                    cents=Amount(cents, USD),
                    clearing=chart.clearing(rail_id),
                ),
                now=at,
            )
        assert done.done, done.code

    def reinstate(self, attempt_id: str, *, name: str = "re_1", at: datetime = NOON) -> None:
        """Have the book give that again."""
        with self.sessions() as session:
            rail_id = session.get_one(PaymentAttempt, attempt_id).rail_id
            done = credits.apply_one(
                session,
                Reinstate(
                    key=f"reinstated:{name}",
                    agent_id=AGENT,
                    actor="test",
                    refund=f"refund:{name}",
                    clearing=chart.clearing(rail_id),
                ),
                now=at,
            )
        assert done.done, done.code

    def reconcile(self, *, at: datetime = NOON + HOUR, whole: bool = False) -> Run:
        """One run, in which rails are only noted as asked."""
        return run.run(
            self.sessions,
            self.books,
            knock=self.knocked.append,
            settings=SETTINGS,
            now=at,
            whole=whole,
        )

    def items(self, subject: str, matter: str = "payment") -> list[str]:
        """The states of the items of a subject, oldest first; in brackets if it is closed."""
        with self.sessions() as session:
            rows = session.exec(
                select(Item).where(Item.subject == subject, Item.matter == matter).order_by(col(Item.item_id))
            ).all()
        return [f"({row.state})" if row.closed_at else row.state for row in rows]

    def history(self, subject: str) -> list[str]:
        """Every state that the items of a subject were ever in."""
        with self.sessions() as session:
            return list(
                session.exec(
                    select(ItemState.state)
                    .join(Item)
                    .where(Item.subject == subject)
                    .order_by(col(ItemState.item_id), col(ItemState.place))
                )
            )

    def holds(self, account: str) -> int:
        """What an account holds, in cents."""
        with self.sessions() as session:
            return book.balance(session, account=account).units

    def book_is_sound(self, *, at: datetime = NOON + 365 * DAY) -> bool:
        """Whether the book agrees with its entries and the trial balance is zero."""
        with self.sessions() as session:
            report = audit.verify(session)
        with self.sessions() as session:
            return report.clean and reports.trial_balance(session, at=at).balances


def _cursor(block_hash: str, *, at: datetime) -> ChainCursor:
    return ChainCursor(
        chain_id=8453,
        generation=1,
        block_number=1,
        block_hash=block_hash,
        block_time=at,
        head_number=1,
        head_time=at,
        depth_policy="safe",
        audited_number=1,
        scanned_at=at,
    )
