"""The interface of a rail: one way for money to come in, in this house's own words.

A rail opens a payment and looks it up. It never grants, never posts, and never decides from a notice:
what `look_up` answers is what the processor and the chain say when they are asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ledger.money import Amount

BuyerMode = Literal["agent_only", "hybrid", "human_only"]
Source = str
"""A witness: `stripe`, `chain`, or the name that a rail gives its own processor, `[a-z][a-z0-9_]{0,31}`."""
Detail = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an agent may expect of a rail. Declared by the rail, proven by the conformance suite."""

    agent_initiated: bool
    agent_settleable: bool
    settlement_blocker: str | None
    requires_browser: bool
    buyer_modes: tuple[BuyerMode, ...]

    def __post_init__(self) -> None:
        if self.agent_settleable == (self.settlement_blocker is not None):
            raise ValueError("a rail is either agent-settleable or names its settlement blocker")


@dataclass(frozen=True, slots=True)
class Token:
    """What is sent on a chain to pay, and how: `exact` is one transfer of exactly what was quoted."""

    scheme: Literal["exact"]
    network: str
    chain_id: int
    currency: str
    contract: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Listing:
    """How clients of the HTTP contract find a rail."""

    provider: str
    """The value of the client's `--provider` flag."""
    purchase_path: str
    """Last part of `/v1/credit-purchases/...`."""
    token: Token | None = None
    """What is sent to settle, None where a page takes the money."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest price a rail takes."""

    minimum: Amount
    maximum: Amount

    def take(self, price: Amount) -> bool:
        """Whether this price can be paid."""
        return self.minimum <= price <= self.maximum


@dataclass(frozen=True, slots=True)
class Order:
    """What a rail is asked to collect. Frozen in the database before the first call: a retry repeats it."""

    payment_attempt_id: str
    quote_id: str
    agent_id: str
    credits: Amount
    price: Amount
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A page a person pays on. `url` is opaque: returned byte for byte, fragment included."""

    url: str


@dataclass(frozen=True, slots=True)
class CryptoDeposit:
    """An address that takes exactly `amount` of one token on one network."""

    network: str
    token_currency: str
    token_contract: str
    address: str
    amount: Amount
    shared: bool = False
    """Whether every attempt of the same agent is paid at this address, not this one alone."""


Instructions = HostedPage | CryptoDeposit


@dataclass(frozen=True, slots=True)
class Opened:
    """A payment that exists at the processor. `reference` is the processor's id, unique in this house."""

    reference: str
    instructions: Instructions


@dataclass(frozen=True, slots=True)
class Handle:
    """What a rail needs to find a payment again."""

    payment_attempt_id: str
    reference: str
    price: Amount
    instructions: Instructions
    expires_at: datetime
    lands_until: datetime
    """Until when what was sent in time may still arrive: only a look after it may say that nothing did."""
    watched_until: datetime | None = None
    """Until when the payer was promised that somebody looks at the address."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one witness says of one payment. `external_id` is the witness's own name of what it saw."""

    source: Source
    external_id: str
    state: str
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """Nothing has arrived that still stands. `evidence` tells what was seen and taken back."""

    evidence: tuple[Evidence, ...] = ()
    beside: tuple["NeedsReview", ...] = ()


@dataclass(frozen=True, slots=True)
class Processing:
    """Something has arrived and is not settled yet."""

    evidence: tuple[Evidence, ...]
    beside: tuple["NeedsReview", ...] = ()


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """Something has arrived that nobody may grant on without a person's decision.

    `kind` is one of the house's exceptions (rails/kinds.py). `final` is how much of `received` nothing takes
    back any more, None where a rail knows no such thing; `late`: some of it came after the time to pay.
    `beside`, as in every outcome, is what came beside the payment and changes nothing of it: other tokens.
    """

    kind: str
    expected: Amount
    received: Amount
    evidence: tuple[Evidence, ...] = ()
    final: Amount | None = None
    late: bool = False
    beside: tuple["NeedsReview", ...] = ()


@dataclass(frozen=True, slots=True)
class Paid:
    """Settled and verified. `received` is dollars before the processor's fee and without tax.

    `missing` names the witnesses that could not be heard and are still expected to speak. `review` tells of
    money that came beside the settled sum.
    """

    received: Amount
    evidence: tuple[Evidence, ...]
    missing: tuple[Source, ...] = ()
    review: NeedsReview | None = None
    beside: tuple[NeedsReview, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The processor has closed the payment without money."""

    reason: Literal["expired", "canceled", "declined"]
    evidence: tuple[Evidence, ...] = ()
    beside: tuple[NeedsReview, ...] = ()


Outcome = Pending | Processing | Paid | NeedsReview | Failed

Cause = Literal["refund", "dispute", "fraud_warning"]
ReversalState = Literal["pending", "gone", "back", "void"]


@dataclass(frozen=True, slots=True)
class Reversed:
    """A refund, dispute or early fraud warning of one payment, as the processor says now.

    pending: asked for or opened, no money has left. gone: `amount` has left. back: it left and came back.
    void: nothing left, and nothing will.
    """

    cause: Cause
    reference: str
    """The processor's id of it, for ever the same."""
    state: ReversalState
    amount: Amount
    """Dollars that left; of what is not gone, dollars that it is about."""
    charged: Amount | None = None
    """What the payer had paid in all, tax included; None where that is what was received."""
    suspicious: bool = False
    """Whether somebody says that the payer was not the owner of the money, and that still stands."""
    refund_id: str | None = None
    """Our own id of a refund that this house asked for; None of one that was made elsewhere."""
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a rail is asked to give back. Frozen in the database before the first call: a retry repeats it."""

    refund_id: str
    handle: Handle
    amount: Amount


class Rail(Protocol):
    """One way of paying."""

    @property
    def rail_id(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def listing(self) -> Listing: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def live_money(self) -> bool: ...
    @property
    def unavailable_reason(self) -> str | None:
        """Why nobody can buy on this rail now, or None."""

    @property
    def witnesses(self) -> tuple[Source, ...]:
        """Who has to speak for a payment before its receipt is complete."""

    def open(self, order: Order) -> Opened:
        """Create the payment at the processor. Repeating it with the same order returns the same payment.

        raises: RailUnreachable when the answer is unknown, RailRefused when the processor said no.
        """

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """Ask what has become of a payment.

        raises: RailUnreachable when nobody could be asked: unknown, not failed. RailRefused when the
            processor does not know the payment.
        """

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """Every refund, dispute and early fraud warning of a payment, as the processor says now.

        raises: RailUnreachable, RailRefused.
        """

    def refund(self, order: RefundOrder) -> str:
        """Ask for money to go back to its payer. Returns the processor's id of the refund.

        Repeating it with the same order returns the same refund. That it was made does not say that the
        money left: `reversals` does.

        raises: RailUnreachable when the answer is unknown, RailRefused when the processor said no.
        """

    def cancel(self, handle: Handle) -> None:
        """Close a payment at the processor, so that nobody can begin to pay it. Once is as often as you like.

        raises: RailRefused when it cannot be closed any more, because somebody has paid or is paying;
            RailUnreachable when the answer is unknown.
        """


Rails = Mapping[str, Rail]
