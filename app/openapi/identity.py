"""Who an agent is and what it may spend, as replies promise it."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from app.openapi.kinds import (
    AgentId,
    Cents,
    ClaimRequestState,
    ClaimState,
    Command,
    Instant,
    MethodId,
    OrganizationId,
    says,
)
from app.shapes.recommendations import Reason
from rails.status import PurchaseState


class Actor(TypedDict):
    """The agent behind the token."""

    actor_type: Literal["agent"]
    actor_id: AgentId
    organization_id: OrganizationId
    claim_state: ClaimState


class Organization(TypedDict):
    """The organization that an agent is alone in."""

    organization_id: OrganizationId


RedactedContact = Annotated[str, says("the contact, all but its first letter and host", "a***@example.com")]


class SignedUp(TypedDict):
    """An agent that signed up, and its token if it asked to see it."""

    actor: Actor
    agent_contact: RedactedContact | None
    agent_name: str
    runtime: str
    claim_state: ClaimState
    discovery_source: str | None
    token: Annotated[
        str | None,
        says("the bearer token, shown this once and only with return_token true; every older one is refused"),
    ]
    token_class: Literal["restricted"]
    token_status: Literal["active", "not_returned"]
    token_created_at: Instant | None


class Whoami(TypedDict):
    """The identity behind the token, and what it may do."""

    authenticated: Literal[True]
    session_origin: Literal["loaded_from_config"]
    actor: Actor
    organization: Organization
    agent_contact: RedactedContact | None
    agent_name: str
    runtime: str
    claim_state: ClaimState
    claim_request_state: ClaimRequestState
    token_class: Literal["restricted"]
    token_status: Literal["active"]
    token_created_at: Instant | None
    grants: list[str]


class Spendable(TypedDict):
    """What can be spent: the sum of both."""

    remaining_credits: Annotated[int, says("credits of the free preview that are left")]
    payment_backed_remaining_credits: Annotated[int, says("bought credits that are left")]


class DailyJobs(TypedDict):
    """The cap on jobs of an agent that has only free credits."""

    limit: int
    used: int
    remaining: int
    resets_at: Instant


class Claimed(TypedDict):
    """The contact that may claim the agent. It is no proof of ownership, and changes no right."""

    state: Annotated[Literal["attached", "unchanged"], says("unchanged when it was this contact already")]
    claim_state: ClaimState
    claim_request_state: Literal["requested"]
    contact: RedactedContact


class JobLimits(TypedDict):
    """How many jobs a day free credits pay for."""

    daily_jobs_on_free_credits: int


class ModelLimit(TypedDict):
    """What a model costs, and how many of its jobs the balance pays for now."""

    model_id: str
    credits_required: int
    affordable_now: int


class DailyWindow(TypedDict):
    """When the count of a day begins anew."""

    window: Literal["day"]
    timezone: Literal["UTC"]
    resets_at: Instant


class ResetWindows(TypedDict):
    """Every count that begins anew by itself."""

    daily_jobs: DailyWindow


class CommandEffect(TypedDict):
    """What running a command does."""

    label: NotRequired[str]
    no_spend: NotRequired[bool]
    payment_object: NotRequired[bool]
    payment_attempt: NotRequired[bool]
    credit_debit: bool
    media_write: bool
    wallet_settlement: NotRequired[bool]


class TopUpCommands(TypedDict):
    """Every command on the way to credits."""

    inspect_methods: Command
    inspect_packs: Command
    quote: Command
    buy: Command
    status: Command
    fallback_quote: Command
    fallback_buy: Command


class Step(TypedDict):
    """One step of a workflow."""

    command: Command


class Workflow(TypedDict):
    """The steps to credits, in order."""

    steps: list[Step]


class PendingPurchase(TypedDict):
    """A purchase whose money may be on its way: look after it before buying again."""

    payment_attempt_id: Annotated[str, says("the payment", "payatt_0123456789abcdef01234567")]
    state: PurchaseState
    credits: int
    status_command: Command


class TopUp(TypedDict):
    """Whether to buy credits now, and how."""

    available: Annotated[bool, says("false when the day's limit is reached")]
    recommended: bool
    recommendation_reason: Reason
    urgency: Literal["available", "setup_recommended", "near_wall", "blocked"]
    urgency_score: Literal[0, 60, 80, 100]
    urgency_reasons: list[Reason]
    path: Literal["browserless_agent_self_fund", "human_payment_handoff"]
    preferred_payment_method: MethodId
    first_command: Command
    pending_purchases: Annotated[
        list[PendingPurchase], says("five at most, those whose money was seen first, then the newest")
    ]
    more_pending_purchases: Annotated[bool, says("whether there are others beside these five")]
    quote_command: Command
    quote_command_copy_runnable: Literal[True]
    quote_command_effect: CommandEffect
    commands: TopUpCommands
    workflow: Workflow


class NothingForSale(TypedDict):
    """No payment method takes payments now."""

    available: Literal[False]
    recommended: Literal[False]
    pending_purchases: Annotated[
        list[PendingPurchase], says("five at most, those whose money was seen first, then the newest")
    ]
    more_pending_purchases: Annotated[bool, says("whether there are others beside these five")]


class SpendLimit(TypedDict):
    """What may be bought in a day."""

    limit_cents: Cents
    used_cents: Cents
    remaining_cents: Cents
    resets_at: Instant


class Quota(TypedDict):
    """The balance of an agent, and how to raise it."""

    authenticated: Literal[True]
    claim_state: ClaimState
    claim_request_state: ClaimRequestState
    token_status: Literal["active"]
    token_created_at: Instant | None
    limits: Spendable
    daily_jobs: NotRequired[DailyJobs]
    job_limits: JobLimits
    model_limits: list[ModelLimit]
    reset_windows: ResetWindows
    spend_limit: NotRequired[SpendLimit]
    top_up: TopUp | NothingForSale
