"""What the client's guide makes of a server's replies: a pure function of them, as published clients work."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.app.conftest import Json

PREFERRED_MODELS = (
    "xai.grok-imagine-image-quality",
    "fal.flux-dev",
    "xai.grok-imagine-image",
    "openai.gpt-image-2",
)
PLACEHOLDERS = ("QUOTE_ID", "KEY")


@dataclass(frozen=True)
class Replies:
    """What the guide read: whole envelopes; `quota` is None if the client has no token."""

    health: Json
    models: Json
    methods: Json
    quota: Json | None


def stage(read: Replies, *, prompt: str | None = "a lighthouse") -> str:
    """Where an agent stands."""
    if prompt is None:
        return "prompt_required"
    if not (read.health["ok"] and read.models["ok"]):
        return "service_unreachable"
    model = chosen_model(read)
    if model is None:
        return "no_executable_model"
    if read.quota is None:
        return "auth_required"
    if not read.quota["ok"]:
        refused = read.quota["error"]["code"] == "AUTH_REQUIRED"
        return "auth_required" if refused else "service_unreachable"
    return _by_quota(read.quota["data"], model["economics"]["credit_pricing"]["credits_required"])


def _by_quota(data: Json, credits_required: int) -> str:
    limits = data["limits"] or {}
    names = ("remaining_credits", "payment_backed_remaining_credits")
    if sum(limits.get(name) or 0 for name in names) < credits_required:
        return "quota_required"
    if "daily_jobs" in data and data["daily_jobs"]["remaining"] <= 0:
        return "quota_required"
    return "ready_to_create"


def chosen_model(read: Replies) -> Json | None:
    """The model that would be run."""
    executable = {
        model["id"]: model
        for model in read.models["data"]["models"]
        if "create" in model["supports"]
        and model["status"] == "available"
        and model["execution"]["model_execution_status"] == "executable"
    }
    named = [executable[name] for name in PREFERRED_MODELS if name in executable]
    return next(iter([*named, *executable.values()]), None)


def usable(read: Replies) -> Sequence[Json]:
    """The rows that the guide looks at, in the server's order."""
    return [row for row in read.methods["data"]["methods"] if row["live_money"] and row["available"]]


def browserless(read: Replies) -> list[str]:
    """Rails without a browser."""
    return [row["method_id"] for row in usable(read) if row["requires_browser"] is False]


def agent_payable(read: Replies) -> list[str]:
    """Rails that an agent settles alone."""
    return [row["method_id"] for row in usable(read) if _alone(row)]


def human_handoff(read: Replies) -> list[str]:
    """Rails that need a person."""
    return [row["method_id"] for row in usable(read) if _by_a_person(row)]


def preferred(read: Replies) -> Json | None:
    """The rail that the guide recommends."""
    rows = usable(read)
    kinds = (_alone, _by_a_person, lambda row: row["requires_browser"] is False, lambda _: True)
    return next((row for kind in kinds for row in rows if kind(row)), None)


def top_up_path(row: Json) -> str:
    """How a rail tops up."""
    if row["agent_settleable"] is True and row["requires_browser"] is False:
        return "browserless_agent_self_fund"
    return "human_payment_handoff" if _by_a_person(row) else "payment_method_inspection"


def suggested(read: Replies) -> list[str]:
    """The payment commands, those of the preferred rail first."""
    first = preferred(read)
    rows = [first, *(row for row in usable(read) if row is not first)] if first else []
    names = ("quote_command", "purchase_command", "status_command")
    inspect = ["image-skill credits methods --json", "image-skill credits packs list --json"]
    return inspect + [row["recovery"][name] for row in rows for name in names]


def next_command(read: Replies) -> str:
    """The command to run when the quota is used up."""
    return next(command for command in suggested(read) if "credits quote" in command)


def copy_runnable(command: str) -> bool:
    """Whether a command runs as it stands."""
    return not any(word in PLACEHOLDERS for word in command.split())


def wallet_settlement(read: Replies) -> bool:
    """Whether the guide tells a wallet what to do."""
    row = preferred(read)
    return row is not None and row["method_id"].startswith("stripe_x402") and _alone(row)


def _alone(row: Json) -> bool:
    modes = {"agent_only", "hybrid"} & set(row["buyer_modes"])
    return row["requires_browser"] is False and row["agent_settleable"] is True and bool(modes)


def _by_a_person(row: Json) -> bool:
    return row["requires_browser"] is True or "human_only" in row["buyer_modes"]
