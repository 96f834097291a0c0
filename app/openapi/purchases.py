"""A purchase from its quote to its receipt, as replies promise it."""

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from app.openapi.identity import CommandEffect, Spendable
from app.openapi.kinds import (
    AttemptId,
    Cents,
    Command,
    CreditEventId,
    Credits,
    Instant,
    MethodId,
    QuoteId,
    ReceiptId,
    SessionId,
    Url,
    Usd,
    says,
)
from app.openapi.offers import Pack, RecommendedBuy
from app.shapes.next_step import Action, Actor, MayPay
from rails.status import PurchaseState, QuoteState

Detail = Mapping[str, str | int | None]
Terminal = Annotated[bool, says("nothing is left to wait for: stop asking")]
Atomic = Annotated[str, says("in the smallest unit of the asset", "5000000", pattern="^[0-9]+$")]
WholeUnits = Annotated[str, says("in whole units of the asset", "5.00", pattern=r"^[0-9]+(\.[0-9]+)?$")]


class NextStep(TypedDict):
    """Who has to do what next. Never pay twice: `message` says when nothing must be paid."""

    actor: Actor
    action: Action
    may_pay: Annotated[MayPay, says("never an invitation: only the payer knows whether money is on its way")]
    agent_action: NotRequired[Annotated[str, says("the older name of action")]]
    human_action: NotRequired[Literal["open_checkout_url"]]
    message: str
    after_payment: NotRequired[str]
    suggested_commands: list[Command]
    retry_after_seconds: NotRequired[
        Annotated[int, says("ask again after this long; the same as the header Retry-After")]
    ]
    checkout_handoff_url: NotRequired[Url]
    checkout_compact_url: NotRequired[Url]
    fallback_checkout_url: NotRequired[Url]


class Rule(TypedDict):
    """What becomes of one kind of payment."""

    outcome: Literal[
        "granted_when_verified",
        "held_for_review",
        "credited_as_received",
        "granted_once",
        "not_seen",
        "impossible",
    ]
    message: str


class PaymentPolicy(TypedDict):
    """What happens to a payment that is not as it was asked for, told before anybody pays."""

    exact_amount_required: bool
    pay_until: Instant | None
    watched_until: Instant | None
    late: Rule
    underpaid: Rule
    overpaid: Rule
    topped_up: Rule
    repeated: Rule
    wrong_token_or_network: Rule


class QuoteActions(TypedDict):
    """The purchase that a quote leads to, absent when it cannot be bought now."""

    recommended_buy: NotRequired[RecommendedBuy]
    quotes_instead: NotRequired[
        Annotated[list[Command], says("what to ask for when the method takes no payment of this price")]
    ]


class Quote(TypedDict):
    """A price and a payment method, fixed for a while. Nothing is charged and nothing is granted."""

    quote_id: QuoteId
    state: QuoteState
    credits: Credits
    price_amount_cents: Cents
    currency: Usd
    expires_at: Instant
    accepted_payment_method: MethodId
    idempotency_key: str
    pack_id: str | None
    pack: Pack | None
    live_money: bool


class NewQuote(Quote):
    """A quote with what to do next."""

    next: NotRequired[NextStep]
    next_actions: QuoteActions
    payment_policy: PaymentPolicy


class PayableInstructions(TypedDict):
    """The transfer to make: exactly this amount of this token to this address, once."""

    kind: Literal["stripe_crypto_deposit"]
    network: Annotated[str, says("the chain", "base")]
    token_currency: Annotated[str, says("the token", "usdc")]
    token_decimals: Annotated[int, says("decimals of the token", 6)]
    token_amount: WholeUnits
    token_amount_atomic: Atomic
    amount_cents: Cents
    amount_usd: WholeUnits
    deposit_address: Annotated[str, says("where to send the token to", pattern="^0x[0-9a-fA-F]{40}$")]
    token_contract_address: Annotated[str, says("the token's contract", pattern="^0x[0-9a-fA-F]{40}$")]
    supported_token_currencies: list[str]
    expires_at: Instant
    exact_amount_required: Literal[True]


class Redacted(TypedDict):
    """What is never shown."""

    payment_intent_id: Literal["[redacted-stripe-payment-intent]"]
    deposit_address: Literal["[redacted-stripe-crypto-deposit-address]"]
    client_secret: Literal["[redacted-stripe-client-secret]"]


class Deposit(TypedDict):
    """How to pay by a transfer on a chain."""

    method_id: MethodId
    scheme: Literal["exact"]
    network: str
    token_currency: str
    deposit_address_present: Literal[True]
    payable_instructions: PayableInstructions
    redacted: Redacted


class RecommendedSettlement(TypedDict):
    """The transfer to make, and where in this reply it is described."""

    purpose: Literal["settle_stripe_x402_credit_top_up"]
    quote_id: QuoteId
    payment_attempt_id: AttemptId
    method_id: MethodId
    payable_instructions_path: str
    status_command: Command
    quota_command: Command
    command_effect: CommandEffect


class Witness(TypedDict):
    """What one witness says of the payment; pending when it has not spoken."""

    source: Annotated[
        str,
        says("stripe, chain, or another processor of the rail", "stripe", pattern="^[a-z][a-z0-9_]{0,31}$"),
    ]
    state: str
    detail: Detail


class Receipt(TypedDict):
    """The receipt of granted credits."""

    receipt_id: ReceiptId
    quote_id: QuoteId
    payment_attempt_id: AttemptId
    credit_event_id: CreditEventId
    accepted_payment_method: MethodId
    provider: str | None
    amount_cents: Cents
    discount_cents: Annotated[int, says("what a promotion code took off the amount")]
    received_cents: Annotated[int, says("what arrived, in cents and without tax")]
    tax_cents: Annotated[int, says("what was paid as tax on top of it")]
    currency: Usd
    credits_granted: Credits
    live_money: bool
    created_at: Instant
    witnesses: list[Witness]
    chain_evidence: Literal["pending", "confirmed", "final"] | None
    signed_receipt_url: Url | None


class SettlementActions(TypedDict):
    """What the agent can do by itself to settle, absent when it cannot or need not."""

    recommended_settlement: NotRequired[RecommendedSettlement]


class Opened(TypedDict):
    """A payment that was opened, or that is returned again."""

    state: PurchaseState
    terminal: Terminal
    quote_id: QuoteId
    payment_attempt_id: AttemptId
    provider: str | None
    accepted_payment_method: MethodId
    credits: Credits
    amount_cents: Cents
    currency: Usd
    live_money: bool
    checkout_session_id: NotRequired[SessionId]
    checkout_handoff_url: NotRequired[Url]
    checkout_compact_url: NotRequired[Url]
    checkout_url: NotRequired[Url]
    stripe_x402: NotRequired[Deposit]
    credits_granted: Annotated[
        Literal[0],
        says("granted by this call: always 0; what was granted is in receipt.credits_granted"),
    ]
    receipt: Receipt | None
    next: NextStep
    next_actions: SettlementActions
    payment_policy: PaymentPolicy


class Difference(TypedDict):
    """Money that is not what was asked for, and who decides: no time is promised for what people do."""

    kind: Annotated[
        Literal[
            "underpaid",
            "overpaid",
            "topped_up",
            "several",
            "late",
            "after_close",
            "retired_address",
            "wrong_token",
            "unmatched",
            "unseen",
            "mismatch",
            "taken_back",
            "reversal_rejected",
        ],
        says("what is different"),
    ]
    decided_by: Annotated[
        Literal["review", "policy"],
        says("a person, or by itself once the money is final: what payment_policy says of this kind"),
    ]
    asset: str
    expected_atomic: Atomic
    received_atomic: Atomic
    token_amounts: "TokenAmounts"
    opened_at: Instant


class TokenAmounts(TypedDict):
    """What was asked for and what was seen."""

    expected: WholeUnits
    received: WholeUnits


class Attempt(TypedDict):
    """The payment of a quote."""

    payment_attempt_id: AttemptId
    attempt_status: Literal[
        "requires_action", "processing", "needs_review", "succeeded", "failed", "canceled", "expired"
    ]
    expires_at: Instant
    checkout_session_id: NotRequired[SessionId]
    checkout_handoff_url: NotRequired[Url]
    checkout_compact_url: NotRequired[Url]
    checkout_url: NotRequired[Url]
    stripe_x402: NotRequired[Deposit]
    witnesses: list[Witness]
    exception: Difference | None


class CreditEvent(TypedDict):
    """The entry of the credits ledger behind a receipt."""

    credit_event_id: CreditEventId
    type: Literal["credits.payment_backed_granted"]
    credits_delta: Credits
    balance_after: Credits
    receipt_id: ReceiptId
    created_at: Instant


class ProviderEvent(TypedDict):
    """The latest word of the processor."""

    provider: str | None
    event_type: str
    event_id: Annotated[str, says("never the processor's own id", pattern=r"^\[redacted-.*\]$")]
    verified: Literal[True]
    received_at: Instant


class BoughtQuote(Quote):
    """The quote of a purchase. It never holds an address to pay to."""

    x402: None


class PurchaseActions(TypedDict):
    """The next command of a purchase, absent when nothing has to be run."""

    recommended_buy: NotRequired[RecommendedBuy]
    recommended_settlement: NotRequired[RecommendedSettlement]


class PurchaseStatus(TypedDict):
    """Where a purchase stands, and who has to do what next."""

    state: PurchaseState
    terminal: Terminal
    quote: BoughtQuote
    payment_attempt: Attempt | None
    receipt: Receipt | None
    credit_event: CreditEvent | None
    provider_event: ProviderEvent | None
    limits: Spendable
    next: NextStep
    next_actions: PurchaseActions
    payment_policy: PaymentPolicy


class SignedReceipt(TypedDict):
    """A receipt, and the same as a JWS that anybody can check without this service."""

    receipt: Receipt
    jws: Annotated[
        str, says("a compact JWS, EdDSA, over the receipt and its seal", pattern=r"^[\w-]+\.[\w-]+\.[\w-]+$")
    ]
    public_key_url: Url
