"""What takes two people."""

from typing import Final

from app.ops_cli.rows.row import REASON, Option, Row

_EVIDENCE: Final = Option("evidence", "a link or a reference that shows why", required=True)
_KEY: Final = Option("key", "the same key proposes once")
_IF_ANY: Final = Option("evidence", "a link or a reference, if there is one")
_EXCEPTION: Final = Option("exception_id", "which exception, by its number", required=True)
ROWS: Final = (
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
            _EVIDENCE,
            REASON,
            _KEY,
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
            _EVIDENCE,
            REASON,
            _KEY,
        ),
    ),
    Row(
        "proposals write-off",
        "POST",
        "/console/proposals/write_off",
        "Propose to close an exception without credits.",
        (_EXCEPTION, _IF_ANY, REASON, _KEY),
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
            _KEY,
        ),
    ),
    Row(
        "proposals take-back",
        "POST",
        "/console/proposals/take_back",
        "Propose to take back credits whose money the chain took back.",
        (_EXCEPTION, _EVIDENCE, REASON, _KEY),
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
            _KEY,
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
