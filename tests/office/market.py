"""A shop with one purchase of every sort, for what operators see of it."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final

from sqlmodel import select

from app import agents
from ledger.database import Sessions
from ledger.money import CREDIT, USD, USDC, Amount
from ledger.operations import Capture, Debit, Hold
from outbound import payloads, telling
from rails import catalog, inbox, pricing, purchase, refunds, reversals
from rails.chain.models import ChainCursor, Deposit
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.models import PaymentAttempt, Receipt
from rails.notice import Incoming
from rails.rail import CryptoDeposit, Opened, Order
from rails.stripe_x402 import claims
from rails.stripe_x402.claims import Place
from rails.stripe_x402.models import AgentDepositAddress
from tests.ledger.story import do
from tests.reconciliation.world import AGENT, NOON, FakeBooks, Shop
from tests.reconciliation.world import USDC as TOKEN

WALLET: Final = "0x" + "cc" * 20
AGENTS_ADDRESS: Final = "0x" + "ad" * 20
MINUTE: Final = timedelta(minutes=1)
_CHAIN: Final = 8453


def tx(number: int) -> str:
    """The hash of a transaction, or of a block."""
    return f"0x{number:064x}"


@dataclass
class Market:
    """Agents that buy on every rail, and everything that comes of it."""

    sessions: Sessions
    shop: Shop = field(init=False)
    shared: FakeRail = field(init=False)
    buyer: str = field(init=False)

    def __post_init__(self) -> None:
        self.shop = Shop(self.sessions, FakeBooks())
        self.shared = crypto_deposit()
        self.shared.rail_id = "fake_shared"
        self.shared.opening = _at_agents_address
        with self.sessions() as session:
            session.add(_read_so_far())
            self.buyer = agents.sign_up(
                session,
                contact="buyer@example.invalid",
                agent_name="Shop-Bot",
                runtime="python",
                discovery_source=None,
                now=NOON,
            ).agent_id

    def transfer(
        self,
        attempt_id: str,
        number: int,
        *,
        cents: int = 500,
        sender: str = WALLET,
        state: str = "final",
        at: timedelta = MINUTE,
        log: int = 0,
    ) -> str:
        """Let the chain carry tokens to the address of an attempt; the transaction's hash."""
        with self.sessions() as session:
            address = session.get_one(PaymentAttempt, attempt_id).deposit_address
        assert address is not None
        return self.transfer_to(address, number, cents=cents, sender=sender, state=state, at=at, log=log)

    def transfer_to(
        self,
        address: str,
        number: int,
        *,
        cents: int = 500,
        sender: str = WALLET,
        state: str = "final",
        at: timedelta = MINUTE,
        log: int = 0,
    ) -> str:
        """Let the chain carry tokens to an address; the transaction's hash."""
        seen = NOON + at
        with self.sessions() as session:
            session.add(
                Deposit(
                    chain_id=_CHAIN,
                    block_hash=tx(1000 + number),
                    log_index=log,
                    block_number=100 + number,
                    block_time=seen,
                    tx_hash=tx(number),
                    token=TOKEN,
                    sender=sender,
                    address=address,
                    amount=Decimal(cents * 10_000),
                    state=state,
                    first_seen_at=seen + timedelta(seconds=2),
                    confirmed_at=None if state == "seen" else seen + MINUTE,
                    final_at=seen + 20 * MINUTE if state == "final" else None,
                    orphaned_at=seen + 2 * MINUTE if state == "orphaned" else None,
                )
            )
        return tx(number)

    def buy_at_agents_address(self, key: str) -> str:
        """An open attempt that is paid at the agent's own address."""
        rails = {self.shared.rail_id: self.shared}
        terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=self.shared.rail_id)
        quoted = purchase.quote(
            self.sessions, rails, agent_id=self.buyer, terms=terms, idempotency_key=key, now=NOON
        ).quote
        attempt = purchase.buy(
            self.sessions,
            rails,
            agent_id=self.buyer,
            quote_id=quoted.quote_id,
            rail_id=self.shared.rail_id,
            idempotency_key=key,
            now=NOON,
        ).view.attempt
        assert attempt is not None
        return attempt.payment_attempt_id

    def own_address(self) -> None:
        """Let the processor set an address aside for the buyer."""
        with self.sessions() as session:
            claims.keep_address(
                session,
                AgentDepositAddress(
                    agent_id=self.buyer,
                    network="base",
                    live_money=False,
                    address_id="cda_1",
                    address=AGENTS_ADDRESS,
                    token_contract=TOKEN,
                    created_at=NOON,
                ),
            )

    def claim(self, attempt_id: str) -> None:
        """Match what came to the agent's address with an attempt."""
        with self.sessions() as session:
            claims.assign(
                session,
                Place(_CHAIN, AGENTS_ADDRESS, TOKEN),
                payment_attempt_id=attempt_id,
                version="v",
                grace=timedelta(minutes=15),
                now=NOON + 2 * MINUTE,
            )

    def settle(self, rail: FakeRail, attempt_id: str, *, at: timedelta = 3 * MINUTE) -> str:
        """Look what has become of an attempt; its state."""
        return purchase.settle(
            self.sessions, {rail.rail_id: rail}, payment_attempt_id=attempt_id, now=NOON + at
        ).state

    def underpay(self, cents: int = 400) -> str:
        """An attempt to which less came than was asked for."""
        attempt_id = self.shop.buy(self.shop.deposit)
        self.shop.deposit.pay_wrongly(
            self.shop.reference(attempt_id), "underpaid", received=Amount(cents * 10_000, USDC)
        )
        assert self.settle(self.shop.deposit, attempt_id) == "needs_review"
        return attempt_id

    def look_back(self, rail: FakeRail, attempt_id: str, *, at: timedelta = 5 * MINUTE) -> None:
        """Ask what has left a payment."""
        reversals.look(self.sessions, {rail.rail_id: rail}, payment_attempt_id=attempt_id, now=NOON + at)

    def refund(self, rail: FakeRail, attempt_id: str, cents: int, *, at: timedelta = 4 * MINUTE) -> str:
        """Ask for a refund; its id."""
        return refunds.request(
            self.sessions,
            {rail.rail_id: rail},
            payment_attempt_id=attempt_id,
            amount=Amount(cents, USD),
            reason="the agent asked",
            requested_by="operator:ann@example.invalid",
            key=f"refund of {attempt_id}",
            now=NOON + at,
        ).request.refund_id

    def notice(self, event_id: str, kind: str, *refs: str, body: bytes = b"{}") -> int:
        """Let the processor send a webhook that mentions these ids; its number."""
        with self.sessions() as session:
            kept = inbox.receive(session, Incoming("stripe", event_id, kind, refs, body), now=NOON + MINUTE)
        assert kept is not None
        return kept

    def tell(self) -> str:
        """An event that subscribers are told; its id."""
        ping = payloads.PingEvent(timestamp=NOON, data=payloads.Ping(endpoint_id="ep_1"))
        with self.sessions() as session:
            [event_id] = telling.record(session, [("test_1", ping)], now=NOON)
        return event_id

    def spend(self, key: str, units: int, *, agent_id: str = AGENT) -> None:
        """Use credits in one step, for the job job_<key>."""
        do(
            self.sessions,
            Debit(
                key=key, agent_id=agent_id, actor="runner", credits=Amount(units, CREDIT), job=f"job_{key}"
            ),
            now=NOON + 10 * MINUTE,
        )

    def hold(self, key: str, units: int, *, captured: int | None = None, agent_id: str = AGENT) -> str:
        """Set credits aside for the job job_<key>, and capture so many of them; the hold's id."""
        placed = Hold(
            key=key,
            agent_id=agent_id,
            actor="runner",
            credits=Amount(units, CREDIT),
            job=f"job_{key}",
            expires_at=NOON + timedelta(days=1),
        )
        do(self.sessions, placed, now=NOON + 10 * MINUTE)
        if captured is not None:
            taken = Capture(
                key=f"{key}:capture",
                agent_id=agent_id,
                actor="runner",
                hold_id=placed.hold_id,
                credits=Amount(captured, CREDIT),
            )
            do(self.sessions, taken, now=NOON + 11 * MINUTE)
        return placed.hold_id

    def attempt(self, attempt_id: str) -> PaymentAttempt:
        """The row of an attempt."""
        with self.sessions() as session:
            return session.get_one(PaymentAttempt, attempt_id)

    def receipt(self, attempt_id: str) -> Receipt:
        """The receipt of a granted purchase."""
        with self.sessions() as session:
            return session.exec(select(Receipt).where(Receipt.payment_attempt_id == attempt_id)).one()


def _at_agents_address(order: Order) -> Opened:
    told = CryptoDeposit("base", "usdc", TOKEN, AGENTS_ADDRESS, pricing.in_usdc(order.price), shared=True)
    return Opened(f"cda_1:{order.payment_attempt_id}", told)


def _read_so_far() -> ChainCursor:
    return ChainCursor(
        chain_id=_CHAIN,
        generation=1,
        block_number=200,
        block_hash=tx(1200),
        block_time=NOON + 30 * MINUTE,
        head_number=200,
        head_time=NOON + 30 * MINUTE,
        depth_policy="safe",
        confirmed_number=190,
        audited_number=190,
        scanned_at=NOON + 30 * MINUTE,
    )
