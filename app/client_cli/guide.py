"""`pennyrail top-up --guide`: the next step of an agent to enough credits. It reads and changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import typer

from app.client_cli import outcomes
from app.client_cli.command import command
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Envelope, Fields, Outcome, Refused
from app.client_cli.visit import Visit

Stage = Literal["service_unreachable", "auth_required", "quota_required", "ready"]

_GUIDE: Final = f"{PROGRAM} top-up --guide --json"
_DOCTOR: Final = f"{PROGRAM} doctor --json"
# Nothing here may ever be true: the guide only reads.
_MUTATIONS: Final[Fields] = {
    "signup": False,
    "quote": False,
    "purchase": False,
    "wallet_settlement": False,
    "credit_debit": False,
    "config_write": False,
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the service has said. None is a call that was not made."""

    health: Outcome
    models: Outcome
    methods: Outcome
    quota: Outcome | None


@dataclass(frozen=True, slots=True)
class Need:
    """How many credits there are and how many there should be."""

    balance: float
    needed: float
    because: str
    jobs_left: bool

    @property
    def met(self) -> bool:
        """Whether there is enough to go on."""
        return self.balance >= self.needed and self.jobs_left


def register(cli: typer.Typer) -> None:
    """Add the command."""
    command(cli, "top-up", example=_GUIDE)(top_up)


def top_up(
    visit: Visit,
    guide: Annotated[bool, typer.Option("--guide", help="required: show the way, and change nothing")],
    credits_needed: Annotated[
        int | None, typer.Option(metavar="N", help="be ready at this many credits", min=0)
    ] = None,
) -> Outcome:
    """Show the next command on the way to enough credits. It reads only, and exits 0 at every stage."""
    assert guide
    try:
        shown = visit.shown
    except Refused as refused:
        # A token that may not be shown here is no token; what to do about it is in its own words.
        if refused.outcome.error_code != "AUTH_REQUIRED":
            raise
        return outcomes.success(
            visit.label, _told(visit, _answers(visit, None), credits_needed, refused.outcome)
        )
    answers = _answers(visit, shown.token if shown else None)
    return outcomes.success(visit.label, _told(visit, answers, credits_needed, None))


def _answers(visit: Visit, token: str | None) -> Answers:
    return Answers(
        health=visit.call("GET", "/healthz"),
        models=visit.call("GET", "/v1/models"),
        methods=visit.call("GET", "/v1/payment-methods"),
        quota=None if token is None else visit.call("GET", "/v1/quota", token=token),
    )


def need(answers: Answers, credits_needed: int | None) -> Need:
    """How the balance compares with what was asked for, with the cheapest model, or with a low balance."""
    told = answers.quota.data if answers.quota is not None else {}
    limits = outcomes.mapping(told.get("limits"))
    balance = sum(
        outcomes.number(limits.get(name)) or 0
        for name in ("remaining_credits", "payment_backed_remaining_credits")
    )
    jobs = outcomes.number(outcomes.mapping(told.get("daily_jobs")).get("remaining"))
    jobs_left = jobs is None or jobs > 0
    if credits_needed is not None:
        return Need(balance, credits_needed, "credits_needed", jobs_left)
    if (cheapest := _cheapest(answers.models)) is not None:
        return Need(balance, cheapest, "cheapest_model", jobs_left)
    low = outcomes.mapping(told.get("top_up")).get("recommended") is True
    return Need(balance, balance + 1 if low else 1, "low_balance", jobs_left)


def stage(answers: Answers, enough: Need) -> Stage:
    """Where the agent stands."""
    if not answers.health.ok:
        return "service_unreachable"
    if answers.quota is None or answers.quota.error_code == "AUTH_REQUIRED":
        return "auth_required"
    if not answers.quota.ok:
        return "service_unreachable"
    return "ready" if enough.met else "quota_required"


def preferred(methods: Sequence[Envelope]) -> Envelope | None:
    """The way to pay to take: one that the agent can settle alone, else one with a person's help."""
    usable = [row for row in methods if row.get("available") is True]
    for fits in (_alone, _with_a_person, lambda row: row.get("requires_browser") is False):
        if (found := next((row for row in usable if fits(row)), None)) is not None:
            return found
    return usable[0] if usable else None


def _told(visit: Visit, answers: Answers, credits_needed: int | None, elsewhere: Outcome | None) -> Fields:
    methods = outcomes.rows(answers.methods.data.get("methods"))
    rail, enough = preferred(methods), need(answers, credits_needed)
    reached = stage(answers, enough)
    top_up = _payment_command(rail, "quote_command")
    recovery = outcomes.mapping(
        outcomes.mapping(elsewhere.envelope["error"] if elsewhere else None).get("recovery")
    )
    back = outcomes.text(recovery.get("suggested_command"))
    next_command = {
        "service_unreachable": _DOCTOR,
        "auth_required": back or outcomes.SIGNUP,
        "quota_required": top_up or SUGGESTED.methods(),
        "ready": SUGGESTED.quota(),
    }[reached]
    return {
        "guide": True,
        "stage": reached,
        "ready": reached == "ready",
        "blockers": [] if reached == "ready" else [reached],
        "next_command": next_command,
        "next_command_copy_runnable": True,
        "self_fund_next_command": top_up,
        "self_fund_next_command_label": _label(rail),
        "guide_warning": _warning(rail) if reached == "quota_required" else None,
        "checks": _checks(visit, answers, enough, methods, rail),
        "mutations": dict(_MUTATIONS),
        "suggested_commands": suggested(methods),
        "self_fund_handoff": _handoff(rail, visit, credits_needed),
    }


def _checks(
    visit: Visit, answers: Answers, enough: Need, methods: Sequence[Envelope], rail: Envelope | None
) -> Fields:
    quota = answers.quota
    return {
        "service": {
            "ok": answers.health.ok,
            "api_base_url": visit.base_url,
            "status": answers.health.data.get("status"),
            "error": answers.health.envelope.get("error"),
        },
        # Jobs are another service's; where nothing is listed nothing is missing.
        "models": {"checked": answers.models.ok, "cheapest_credits_required": _cheapest(answers.models)},
        "payments": {
            "checked": answers.methods.ok,
            "methods": [row.get("method_id") for row in methods if row.get("available") is True],
            "agent_payable_methods": [row.get("method_id") for row in methods if _alone(row)],
            "human_handoff_methods": [row.get("method_id") for row in methods if _with_a_person(row)],
            "preferred_method": rail.get("method_id") if rail else None,
            "preferred_method_summary": _summary(rail),
        },
        "auth": {
            "auth_ready": quota is not None and quota.data.get("authenticated") is True,
            "token_presented": quota is not None,
            "error": quota.envelope.get("error") if quota is not None else None,
        },
        "quota": {
            "checked": quota is not None and quota.ok,
            "balance": enough.balance if quota is not None and quota.ok else None,
            "needed": enough.needed,
            "needed_because": enough.because,
            "jobs_left_today": enough.jobs_left,
            "limits": quota.data.get("limits") if quota is not None else None,
            "top_up": quota.data.get("top_up") if quota is not None else None,
        },
    }


def _handoff(rail: Envelope | None, visit: Visit, credits_needed: int | None) -> Fields | None:
    if rail is None:
        return None
    more = "" if credits_needed is None else f" --credits-needed {credits_needed}"
    return {
        "preferred_method": rail.get("method_id"),
        "live_money": rail.get("live_money"),
        "browserless": rail.get("requires_browser") is False,
        "agent_initiated": rail.get("agent_initiated"),
        "agent_settleable": rail.get("agent_settleable"),
        "human_handoff_required": not _alone(rail),
        "payment_commands": {
            "quote": _payment_command(rail, "quote_command"),
            "buy": _payment_command(rail, "purchase_command"),
            "status": _payment_command(rail, "status_command"),
            "wait": f"{PROGRAM} credits wait PAYMENT_ATTEMPT_ID --json",
        },
        "wallet_settlement": _wallet_settlement() if _alone(rail) else None,
        "after_next": f"{PROGRAM} top-up --guide{more} --json",
        "auth": {
            "with_env": f'PENNYRAIL_TOKEN="$TOKEN" {_GUIDE}',
            "with_stdin": f'printf %s "$TOKEN" | {PROGRAM} top-up --guide --token-stdin --json',
            "api_base_url": visit.base_url,
        },
    }


def _wallet_settlement() -> Fields:
    return {
        "buy_instructions_path": "data.stripe_x402.payable_instructions",
        "status_instructions_path": "data.payment_attempt.stripe_x402.payable_instructions",
        "exact_amount_required": True,
        "times": 1,
        "credential_boundary": "the wallet stays with the agent: no command takes a key of one",
    }


def _summary(rail: Envelope | None) -> Fields | None:
    if rail is None:
        return None
    limits = outcomes.mapping(rail.get("limits"))
    return {
        "method_id": rail.get("method_id"),
        "top_up_path": _path(rail),
        "settlement_blocker": rail.get("settlement_blocker"),
        "default_pack_id": rail.get("default_pack_id"),
        "min_amount_cents": limits.get("min_amount_cents"),
        "max_amount_cents": limits.get("max_amount_cents"),
    }


def _warning(rail: Envelope | None) -> Fields | None:
    if rail is None:
        return None
    money = "live_money" if rail.get("live_money") is True else "test_money"
    return {"next_command_safety": f"{money}_payment_action", "payment_top_up_path": _path(rail)}


def suggested(methods: Sequence[Envelope]) -> list[str]:
    """The commands that may come next, those of the way to pay to take first."""
    rail = preferred(methods)
    ordered = ([rail] if rail else []) + [row for row in methods if row is not rail]
    lines = [
        line
        for row in ordered
        for name in ("quote_command", "purchase_command", "status_command")
        if row.get("available") is True and (line := _payment_command(row, name))
    ]
    return list(dict.fromkeys([SUGGESTED.methods(), SUGGESTED.packs(), *lines]))


def _payment_command(rail: Envelope | None, name: str) -> str | None:
    """A command of a way to pay, made of its ids if it brings none."""
    if rail is None:
        return None
    told = outcomes.text(outcomes.mapping(rail.get("recovery")).get(name))
    if told is not None or name != "quote_command":
        return told
    pack_id = outcomes.text(rail.get("default_pack_id")) or "starter-500"
    return SUGGESTED.quote(rail_id=str(rail.get("method_id")), pack_id=pack_id)


def _label(rail: Envelope | None) -> str:
    if rail is None:
        return "payment_or_quota_action"
    return "browserless_agent_payable_quote" if _alone(rail) else "human_handoff_payment_quote"


def _path(rail: Envelope) -> str:
    if _alone(rail):
        return "browserless_agent_self_fund"
    return "human_payment_handoff" if _with_a_person(rail) else "payment_method_inspection"


def _alone(rail: Envelope) -> bool:
    modes = rail.get("buyer_modes")
    agents = isinstance(modes, list) and bool({"agent_only", "hybrid"} & set(map(str, modes)))
    able = rail.get("available") is True and rail.get("agent_settleable") is True
    return able and agents and rail.get("requires_browser") is False


def _with_a_person(rail: Envelope) -> bool:
    modes = rail.get("buyer_modes")
    people = isinstance(modes, list) and "human_only" in modes
    return rail.get("available") is True and (people or rail.get("requires_browser") is True)


def _cheapest(models: Outcome) -> float | None:
    """What the cheapest model that runs costs in credits, None if no model is listed."""
    prices = []
    for row in outcomes.rows(models.data.get("models")):
        compact = row.get("model_execution_status")
        runs = outcomes.mapping(row.get("execution")).get("model_execution_status", compact)
        pricing = outcomes.mapping(outcomes.mapping(row.get("economics")).get("credit_pricing"))
        price = outcomes.number(pricing.get("credits_required", row.get("credits_required")))
        if runs == "executable" and price is not None:
            prices.append(price)
    return min(prices, default=None)
