"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from dataclasses import dataclass
from typing import Final, Literal

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

EVIDENCE: Final = Option("evidence", "a link or a reference that shows why", required=True)
KEY: Final = Option("key", "the same key proposes once")
_IF_ANY: Final = Option("evidence", "a link or a reference, if there is one")
_EXCEPTION: Final = Option("exception_id", "which exception, by its number", required=True)

PROPOSALS: Final = (
    Row(
        "proposals list",
        "GET",
        "/console/proposals",
        "What waits for a second person, and what was decided.",
        (
            Option("state", "pending, decided, approved, rejected, withdrawn or expired"),
            Option("kind", "adjustment, correction, write_off, refund, take_back or policy"),
            Option("by", "the email of who proposed it"),
            Option("before", "the cursor that the page before has told"),
        ),
    ),
    Row("proposals show", "GET", "/console/proposals/{proposal_id}", "What it would do, or did."),
    Row(
        "proposals adjustment",
        "POST",
        "/console/proposals/adjustment",
        "Propose to give an agent credits, or to take some away.",
        (
            Option("agent_id", "whose", required=True),
            Option("direction", "which way", required=True, choices=("up", "down")),
            Option("credits", "how many", required=True),
            Option("lapse_after", "the last day of given credits, such as 2027-01-31"),
            EVIDENCE,
            REASON,
            KEY,
        ),
    ),
    Row(
        "proposals correction",
        "POST",
        "/console/proposals/correction",
        "Propose to move money between house accounts.",
        (
            Option("source", "the account it leaves, such as unclaimed", required=True),
            Option("target", "the account it comes to, such as revenue", required=True),
            Option("amount", "dollars, such as 12.50", required=True),
            EVIDENCE,
            REASON,
            KEY,
        ),
    ),
    Row(
        "proposals write-off",
        "POST",
        "/console/proposals/write_off",
        "Propose to close an exception without credits.",
        (_EXCEPTION, _IF_ANY, REASON, KEY),
    ),
    Row(
        "proposals refund",
        "POST",
        "/console/proposals/refund",
        "Propose to send money of a payment back.",
        (
            Option("payment_attempt_id", "which payment"),
            Option("amount", "dollars, such as 12.50"),
            Option("exception_id", "or the exception whose charge goes back"),
            _IF_ANY,
            REASON,
            KEY,
        ),
    ),
    Row(
        "proposals take-back",
        "POST",
        "/console/proposals/take_back",
        "Propose to take back credits whose money the chain took back.",
        (_EXCEPTION, EVIDENCE, REASON, KEY),
    ),
    Row(
        "proposals policy",
        "POST",
        "/console/proposals/policy",
        "Propose another value of a policy.",
        (
            Option("name", "underpaid, overpaid, topped_up, late or alone_most_cents", required=True),
            Option("outcome", "of a payment that is not as it was asked for", choices=("review", "credit")),
            Option("amount", "dollars, of what one may give away alone"),
            _IF_ANY,
            REASON,
            KEY,
        ),
    ),
    *(
        Row(f"proposals {verb}", "POST", f"/console/proposals/{{proposal_id}}/{verb}", about, (REASON,))
        for verb, about in (
            ("approve", "Approve what somebody else proposed, and have it done."),
            ("reject", "Say no to what somebody else proposed."),
            ("withdraw", "Take back what you proposed."),
        )
    ),
)

ROWS: Final = (
    *PROPOSALS,
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
)
