"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from dataclasses import dataclass
from typing import Final, Literal

from office.purchases import STATES
from office.roles import ROLES


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a form, or filter of a list. `choices` empty: any text."""

    name: str
    help: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One command. Names in braces in `path` are its arguments, in order."""

    words: str
    method: Literal["GET", "POST"]
    path: str
    about: str
    options: tuple[Option, ...] = ()


REASON: Final = Option("reason", "why, in words", required=True)
AFTER: Final = Option("after", "the cursor that the page before has told")
BEFORE: Final = Option("before", "the number that the page before has told as its next")

ROWS: Final = (
    Row("sessions list", "GET", "/console/sessions", "Where you are signed in."),
    Row("sessions end", "POST", "/console/sessions/{session_id}/end", "End one of your sessions."),
    Row("sessions end-others", "POST", "/console/sessions/end-others", "End all but this one."),
    Row("operators list", "GET", "/console/operators", "Everybody, and what each role may do."),
    Row("operators show", "GET", "/console/operators/{operator_id}", "One operator and the sessions."),
    Row(
        "operators invite",
        "POST",
        "/console/operators",
        "Invite somebody; the invitation is told once.",
        (
            Option("email", "whom", required=True),
            Option("name", "what the person is called", required=True),
            Option("role", "what that person may do", required=True, choices=ROLES),
        ),
    ),
    Row(
        "operators role",
        "POST",
        "/console/operators/{operator_id}/role",
        "Give an operator another role.",
        (Option("role", "which", required=True, choices=ROLES), REASON),
    ),
    Row(
        "operators invite-again",
        "POST",
        "/console/operators/{operator_id}/invite-again",
        "For a lost password or app.",
        (REASON,),
    ),
    Row(
        "operators disable", "POST", "/console/operators/{operator_id}/disable", "Let in no more.", (REASON,)
    ),
    Row(
        "operators end-sessions",
        "POST",
        "/console/operators/{operator_id}/end-sessions",
        "End every session of an operator.",
    ),
    Row("operators enable", "POST", "/console/operators/{operator_id}/enable", "Let in again.", (REASON,)),
    Row(
        "search",
        "GET",
        "/console/search",
        "Find anything by what you know of it: an id, a hash, an address, a job, a name.",
        (Option("q", "what you know"),),
    ),
    Row(
        "purchases list",
        "GET",
        "/console/purchases",
        "Purchases, the newest first.",
        (
            Option("state", "of this state alone", choices=STATES),
            Option("rail", "of this rail alone"),
            Option("agent", "of this agent alone"),
            Option("day", "opened on this day of UTC, 2026-11-20"),
            AFTER,
        ),
    ),
    Row("purchases show", "GET", "/console/purchases/{payment_attempt_id}", "Everything about one purchase."),
    Row(
        "purchases look",
        "POST",
        "/console/purchases/{payment_attempt_id}/look",
        "Ask the processor what has become of it, and what has left it.",
    ),
    Row(
        "purchases cancel",
        "POST",
        "/console/purchases/{payment_attempt_id}/cancel",
        "Close it at the processor, so that nobody can begin to pay it.",
        (REASON,),
    ),
    Row(
        "purchases refund",
        "POST",
        "/console/purchases/{payment_attempt_id}/refund",
        "Have the processor give money back to the payer.",
        (
            REASON,
            Option("key", "a name for this refund: the same one asks once", required=True),
            Option("dollars", "how much, such as 2.50; all that is left if not given"),
        ),
    ),
    Row("quotes show", "GET", "/console/quotes/{quote_id}", "A price that was fixed."),
    Row("receipts show", "GET", "/console/receipts/{receipt_id}", "A receipt, signed if it is sealed."),
    Row(
        "ledger transaction",
        "GET",
        "/console/ledger/transactions/{transaction_id}",
        "A transaction of the book with its legs.",
    ),
    Row("ledger hold", "GET", "/console/ledger/holds/{hold_id}", "Credits set aside for a job."),
    Row(
        "agents list",
        "GET",
        "/console/agents",
        "All agents, the newest first, or those that are looked for.",
        (
            Option("by", "what `--q` is the beginning of", choices=("name", "contact")),
            Option("q", "how it begins"),
            Option("frozen", "only who may not spend", choices=("true", "false")),
            AFTER,
        ),
    ),
    Row(
        "agents show",
        "GET",
        "/console/agents/{agent_id}",
        "What an agent has, may spend and may buy.",
        (Option("at", "and had at this moment"), Option("days", "how far back its balance is told")),
    ),
    Row("agents lots", "GET", "/console/agents/{agent_id}/lots", "Every grant and what is left.", (BEFORE,)),
    Row("agents lot", "GET", "/console/agents/{agent_id}/lots/{lot_id}", "What one was used for.", (BEFORE,)),
    Row("agents holds", "GET", "/console/agents/{agent_id}/holds", "The holds that stand.", (AFTER,)),
    Row("agents all-holds", "GET", "/console/agents/{agent_id}/holds/all", "Ended ones too.", (BEFORE,)),
    Row(
        "agents statement",
        "GET",
        "/console/agents/{agent_id}/statement",
        "Opening, every entry, and closing of a period.",
        (Option("since", "its first moment"), Option("until", "the first moment after it"), AFTER),
    ),
    Row(
        "agents activity",
        "GET",
        "/console/agents/{agent_id}/activity",
        "What the agent itself reads of its history.",
        (Option("subject", "about what", choices=("payment", "credit", "usage")),),
    ),
    Row("agents purchases", "GET", "/console/agents/{agent_id}/purchases", "What it bought.", (AFTER,)),
    Row("agents tokens", "GET", "/console/agents/{agent_id}/tokens", "When its tokens were made."),
    Row("agents claims", "GET", "/console/agents/{agent_id}/claims", "Inboxes it named."),
    Row("agents freezes", "GET", "/console/agents/{agent_id}/freezes", "Why it may not spend.", (BEFORE,)),
    Row("agents freeze", "POST", "/console/agents/{agent_id}/freeze", "Let it spend nothing new.", (REASON,)),
    Row(
        "agents lift-freeze",
        "POST",
        "/console/agents/{agent_id}/freezes/{freeze_id}/lift",
        "Lift one freeze for good.",
        (REASON,),
    ),
    Row(
        "agents revoke-token",
        "POST",
        "/console/agents/{agent_id}/revoke-token",
        "Refuse its token from the next request on.",
        (REASON,),
    ),
    Row("services list", "GET", "/console/services", "Tokens of services, and endpoints of webhooks."),
)
