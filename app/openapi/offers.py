"""What is for sale and how it may be paid, as replies promise it."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from app.openapi.identity import CommandEffect
from app.openapi.kinds import Cents, Command, Credits, MethodId, QuoteId, Usd, says


class AmountLimits(TypedDict):
    """Smallest and largest price that a method takes."""

    min_amount_cents: Cents
    max_amount_cents: Cents


class MethodCommands(TypedDict):
    """The commands of one payment method."""

    quote_command: Command
    purchase_command: Command
    status_command: Command


class PaymentMethod(TypedDict):
    """One way of paying."""

    method_id: MethodId
    status: Literal["available", "unavailable"]
    available: bool
    quoteable: bool
    purchasable: bool
    unavailable_reason: str | None
    live_money: Annotated[bool, says("whether real money moves; false on a test installation")]
    buyer_modes: list[Literal["agent_only", "hybrid", "human_only"]]
    requires_browser: bool
    agent_initiated: bool
    agent_settleable: Annotated[bool, says("whether an agent can finish the payment without a person")]
    settlement_blocker: Annotated[str | None, says("why an agent cannot settle alone; null when it can")]
    default_pack_id: str
    purchase_endpoint: Annotated[str, says("the path that opens a purchase on this method")]
    limits: AmountLimits
    recovery: MethodCommands


ByWhom = Literal["browserless_agent_self_fund", "human_checkout_handoff"]


class RecommendedQuote(TypedDict):
    """The quote to ask for."""

    purpose: Literal["quote_credit_top_up"]
    recommendation_reason: ByWhom
    method_id: MethodId
    pack_id: str
    command: Command
    quote_command: Command
    quote_command_copy_runnable: Literal[True]
    buy_command: Command
    status_command: Command
    requires_auth: Literal[True]
    live_money: bool
    requires_browser: bool
    agent_settleable: bool
    command_effect: CommandEffect


class QuoteNext(TypedDict):
    """What to do with the list of methods."""

    recommended_quote: NotRequired[RecommendedQuote]


class PaymentMethods(TypedDict):
    """Every payment method of this service, as it describes itself."""

    contract_version: Literal["image-skill.payment-methods.v1"]
    credit_unit_cents: Literal[1]
    currency: Usd
    quote_endpoint: Literal["/v1/credit-quotes"]
    packs_endpoint: Literal["/v1/credit-packs"]
    status_endpoint: Literal["/v1/credit-purchases/status"]
    methods: list[PaymentMethod]
    next_actions: QuoteNext


class Pack(TypedDict):
    """A number of credits with a name."""

    pack_id: str
    name: str
    display_name: str
    credits: Credits
    amount_cents: Cents
    amount_usd: Annotated[str, says("the price in dollars", "5.00")]
    price_usd: Annotated[str, says("the price in dollars", "5.00")]
    currency: Usd


class CustomQuotes(TypedDict):
    """The range of exact amounts that are sold without a pack."""

    supported: Literal[True]
    min_credits: Credits
    max_credits: Credits


class CreditPacks(TypedDict):
    """The packs, and the range of exact amounts."""

    credit_unit_cents: Literal[1]
    credit_unit_usd: float
    currency: Usd
    default_pack_id: str
    packs: list[Pack]
    custom_quotes: CustomQuotes


class RecommendedBuy(TypedDict):
    """The purchase of a quote."""

    purpose: Literal["complete_credit_top_up"]
    recommendation_reason: ByWhom
    quote_id: QuoteId
    method_id: MethodId
    provider: Annotated[str, says("the value of the client's --provider")]
    command: Command
    buy_command_copy_runnable: Literal[True]
    purchase_idempotency_key: Annotated[str, says("the same at every try, so a retry never pays twice")]
    status_command: Command
    status_command_copy_runnable: Literal[True]
    status_command_after_payment: Command
    status_command_after_payment_copy_runnable: Literal[False]
    requires_auth: Literal[True]
    live_money: bool
    requires_browser: bool
    agent_settleable: bool
    human_handoff_required: bool
    command_effect: CommandEffect


class Execution(TypedDict):
    """Whether jobs can be run on a model."""

    model_execution_status: Literal["executable"]


class CreditPricing(TypedDict):
    """What a job costs in credits, and what that is made of."""

    credits_required: Credits
    credit_unit_usd: float
    estimated_revenue_usd: float
    estimated_provider_cost_usd: float
    pricing_confidence: Literal["exact", "estimated"]


class Economics(TypedDict):
    """What a job costs."""

    estimated_usd_per_image: float
    credit_pricing: CreditPricing


class Model(TypedDict):
    """A model that jobs can be run on."""

    id: str
    status: Literal["available"]
    supports: list[Literal["create"]]
    execution: Execution
    economics: Economics


class ModelSummary(TypedDict):
    """How many models there are."""

    executable: int
    cataloged_not_wired: Literal[0]


class Models(TypedDict):
    """The rate card, the cheapest model first."""

    models: list[Model]
    summary: ModelSummary
