"""Rails without a processor: they settle when a test says so, and break when a test says so."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from ledger.money import USD, USDC, Amount
from rails import errors, pricing
from rails.rail import (
    Capabilities,
    CryptoDeposit,
    Evidence,
    Failed,
    Handle,
    HostedPage,
    Limits,
    Listing,
    NeedsReview,
    Opened,
    Order,
    Outcome,
    Paid,
    Pending,
    Processing,
    RefundOrder,
    ReversalState,
    Reversed,
    Source,
    Token,
)

_CONTRACT: Final = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
Open = Callable[[Order], Opened]
Closed = Literal["expired", "canceled", "declined"]


@dataclass
class FakeRail:
    """A rail whose payments do what its switches say. `opened` tells which payments exist."""

    rail_id: str
    capabilities: Capabilities
    listing: Listing
    witnesses: tuple[Source, ...]
    opening: Open
    limits: Limits = field(default_factory=lambda: Limits(Amount(1, USD), Amount(5000, USD)))
    live_money: bool = False
    unavailable_reason: str | None = None
    unreachable: bool = False
    refusing: bool = False
    silent: frozenset[Source] = frozenset()
    """Witnesses that have not spoken yet."""
    opened: dict[str, Opened] = field(default_factory=dict)
    refunds_refused: str | None = None
    """Why refunds are refused, None if they are not."""
    refunds_begin: ReversalState = "gone"
    """How a refund that this house asks for begins."""
    losing_answers: bool = False
    """Whether payments are opened and refunds made, and nobody hears of it."""
    _outcomes: dict[str, Callable[[Handle], Outcome]] = field(default_factory=dict)
    _reversed: dict[str, dict[str, Reversed]] = field(default_factory=dict)

    def open(self, order: Order) -> Opened:
        """The payment of an order, the same at every call."""
        if self.unreachable:
            raise errors.RailUnreachable("the processor does not answer")
        if self.refusing:
            raise errors.RailRefused("the processor said no")
        opened = self.opened.setdefault(order.payment_attempt_id, self.opening(order))
        if self.losing_answers:
            raise errors.RailUnreachable("the answer was lost")
        return opened

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:  # noqa: ARG002
        """What the switches say has become of a payment. Time plays no part."""
        if self.unreachable:
            raise errors.RailUnreachable("the processor does not answer")
        if all(handle.reference != opened.reference for opened in self.opened.values()):
            raise errors.RailRefused("the processor does not know this payment")
        return self._outcomes.get(handle.reference, _nothing)(handle)

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """What the switches say has gone back of a payment, newest first as processors tell it."""
        if self.unreachable:
            raise errors.RailUnreachable("the processor does not answer")
        return tuple(self._reversed.get(handle.reference, {}).values())[::-1]

    def refund(self, order: RefundOrder) -> str:
        """Give back what is asked for, once for each `refund_id`."""
        if self.unreachable:
            raise errors.RailUnreachable("the processor does not answer")
        if self.refunds_refused is not None:
            raise errors.RailRefused(self.refunds_refused)
        if order.amount > order.handle.price:
            raise errors.RailRefused("more than was paid")
        payment, name = order.handle.reference, f"re_{_hash(order.refund_id)[2:26]}"
        if name not in self._reversed.get(payment, {}):
            self.reverse(
                payment, Reversed("refund", name, self.refunds_begin, order.amount, refund_id=order.refund_id)
            )
        if self.losing_answers:
            raise errors.RailUnreachable("the answer was lost")
        return name

    def reverse(self, reference: str, said: Reversed) -> None:
        """Say this of a payment from now on: of a refund, dispute or warning made elsewhere, new or known."""
        self._reversed.setdefault(reference, {})[said.reference] = said

    def give_back(self, reference: str, name: str, cents: int, state: ReversalState = "gone") -> None:
        """Refund a payment, as on the processor's dashboard: part of it, or again."""
        self.reverse(reference, Reversed("refund", name, state, Amount(cents, USD)))

    def dispute(self, reference: str, name: str, cents: int, state: ReversalState = "gone") -> None:
        """Let a payer dispute a payment. It is suspicious for as long as it is not won."""
        suspicious = state in ("pending", "gone")
        self.reverse(reference, Reversed("dispute", name, state, Amount(cents, USD), suspicious=suspicious))

    def warn_of_fraud(self, reference: str, name: str, *, actionable: bool = True) -> None:
        """Let the payer's bank suspect a payment, or let go of it."""
        state: ReversalState = "pending" if actionable else "void"
        self.reverse(reference, Reversed("fraud_warning", name, state, Amount(0, USD), suspicious=actionable))

    def turn(self, reference: str, name: str, state: ReversalState) -> None:
        """Let a refund or dispute become this: pending, gone, back or void."""
        known = self._reversed[reference][name]
        suspicious = known.cause == "dispute" and state in ("pending", "gone")
        self.reverse(reference, replace(known, state=state, suspicious=suspicious))

    def cancel(self, handle: Handle) -> None:
        """Close a payment that nobody has begun to pay; one that is closed stays so."""
        if self.unreachable:
            raise errors.RailUnreachable("the processor does not answer")
        if not isinstance(self._outcomes.get(handle.reference, _nothing)(handle), Pending | Failed):
            raise errors.RailRefused("somebody has paid")
        self._outcomes.setdefault(handle.reference, lambda _: Failed("canceled"))

    def pay(self, reference: str) -> None:
        """Let the exact sum arrive and settle."""
        self._outcomes[reference] = lambda handle: Paid(
            handle.price,
            self._said(handle, "succeeded", "confirmed"),
            missing=tuple(source for source in self.witnesses if source in self.silent),
        )

    def pay_too_much(self, reference: str, *, received: Amount) -> None:
        """Let the exact sum settle, and more beside it: `received` in all."""
        self._outcomes[reference] = lambda handle: Paid(
            handle.price,
            self._said(handle, "succeeded", "confirmed"),
            review=NeedsReview("several", _expected(handle), received),
        )

    def arrive(self, reference: str) -> None:
        """Let the exact sum arrive and not be settled yet."""
        self._outcomes[reference] = lambda handle: Processing(self._said(handle, "processing", "seen"))

    def fail(self, reference: str, reason: Closed = "declined") -> None:
        """Let the processor close the payment without money."""
        self._outcomes[reference] = lambda handle: Failed(reason, self._said(handle, reason, "seen"))

    def pay_wrongly(self, reference: str, kind: str, *, received: Amount) -> None:
        """Let another sum arrive than was asked for."""
        self._outcomes[reference] = lambda handle: NeedsReview(
            kind, _expected(handle), received, self._said(handle, "requires_action", "confirmed")
        )

    def _said(self, handle: Handle, processor: str, chain: str) -> tuple[Evidence, ...]:
        spoken = {
            "stripe": Evidence(
                "stripe", handle.reference, processor, {"payment_intent_id": handle.reference}
            ),
            "chain": Evidence(
                "chain",
                f"{_hash(handle.reference)}:0",
                chain,
                {"transaction_hash": _hash(handle.reference), "block_number": 123, "confirmations": 12},
            ),
        }
        return tuple(spoken[source] for source in self.witnesses if source not in self.silent)


def hosted_page() -> FakeRail:
    """A rail that a person settles on a page. Its address holds what careless code would quote again."""
    return FakeRail(
        rail_id="fake_page",
        capabilities=Capabilities(
            agent_initiated=True,
            agent_settleable=False,
            settlement_blocker="requires a person in a browser",
            requires_browser=True,
            buyer_modes=("hybrid", "human_only"),
        ),
        listing=Listing(provider="fake_page", purchase_path="fake-pages"),
        witnesses=("stripe",),
        opening=_open_page,
    )


def crypto_deposit() -> FakeRail:
    """A rail that an agent settles alone, by a transfer to an address of its own for each payment."""
    return FakeRail(
        rail_id="fake_deposit",
        capabilities=Capabilities(
            agent_initiated=True,
            agent_settleable=True,
            settlement_blocker=None,
            requires_browser=False,
            buyer_modes=("agent_only", "hybrid"),
        ),
        listing=Listing(
            provider="fake_deposit",
            purchase_path="fake-deposits",
            token=Token(
                scheme="exact",
                network="base",
                chain_id=8453,
                currency="usdc",
                contract=_CONTRACT,
                decimals=USDC.scale,
            ),
        ),
        witnesses=("stripe", "chain"),
        opening=_open_deposit,
    )


def _open_page(order: Order) -> Opened:
    reference = f"cs_test_{_hash(order.payment_attempt_id)[2:34]}"
    return Opened(reference, HostedPage(f"https://pay.invalid/c/{reference}#fid|{{'a^b'}}%2F%7c+\\~end"))


def _open_deposit(order: Order) -> Opened:
    digest = _hash(order.payment_attempt_id)
    address = f"0x{digest[2:42].translate(str.maketrans('ace', 'ACE'))}"
    deposit = CryptoDeposit(
        network="base",
        token_currency="usdc",  # noqa: S106
        token_contract=_CONTRACT,
        address=address,
        amount=pricing.in_usdc(order.price),
    )
    return Opened(f"pi_{digest[2:26]}", deposit)


def _nothing(_handle: Handle) -> Outcome:
    return Pending()


def _expected(handle: Handle) -> Amount:
    match handle.instructions:
        case CryptoDeposit(amount=amount):
            return amount
        case HostedPage():
            return handle.price


def _hash(text: str) -> str:
    return f"0x{hashlib.sha256(text.encode()).hexdigest()}"
