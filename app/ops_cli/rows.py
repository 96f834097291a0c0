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
)
