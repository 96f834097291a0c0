"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from dataclasses import dataclass
from typing import Final, Literal

from office.purchases import STATES
from office.reconciliation import STATES as OF_ITEMS
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
SEEN: Final = Option("seen", "what had arrived, in the smallest units, as `show` tells it", required=True)
AFTER: Final = Option("after", "the cursor that the page before has told")
BEFORE: Final = Option("before", "the number that the page before has told as its next")
LENGTHS: Final = ("1h", "4h", "12h", "1d", "3d", "7d", "30d")
ENDPOINT: Final = Option("endpoint_id", "which endpoint, ep_...", required=True)
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
    Row(
        "overview",
        "GET",
        "/console/",
        "What was sold, spent and earned, what is owed, and what is wrong.",
        (Option("days", "so many days back", choices=("7", "30", "90")),),
    ),
    Row(
        "exceptions list",
        "GET",
        "/console/exceptions",
        "What waits for a decision, the oldest first.",
        (
            Option("state", "open if not given", choices=("open", "waiting", "closed", "all")),
            Option("kind", "of this kind"),
            Option("agent", "of this agent"),
            Option("older_than", "open for longer", choices=LENGTHS),
            Option("owner", "an operator's name, `me` or `nobody`"),
            AFTER,
        ),
    ),
    Row(
        "exceptions show",
        "GET",
        "/console/exceptions/{exception_id}",
        "One exception, and what may be done about it.",
    ),
    Row(
        "exceptions credit",
        "POST",
        "/console/exceptions/{exception_id}/credit",
        "Grant credits for what arrived.",
        (SEEN, REASON),
    ),
    Row(
        "exceptions refund",
        "POST",
        "/console/exceptions/{exception_id}/refund",
        "Have the processor send its charge back.",
        (SEEN, REASON),
    ),
    Row(
        "exceptions write-off",
        "POST",
        "/console/exceptions/{exception_id}/write-off",
        "Close it without credits.",
        (SEEN, REASON),
    ),
    Row(
        "exceptions wait",
        "POST",
        "/console/exceptions/{exception_id}/wait",
        "Put it off; it comes back by itself.",
        (SEEN, REASON, Option("wait_for", "for how long", required=True, choices=LENGTHS)),
    ),
    Row(
        "exceptions owner",
        "POST",
        "/console/exceptions/{exception_id}/owner",
        "Take it, hand it over, or give it back.",
        (
            Option("turn", "how many turns it had, as `show` tells it", required=True),
            Option("owner", "an operator's name or `me`; nobody if not given"),
        ),
    ),
    Row(
        "notes write",
        "POST",
        "/console/notes",
        "Write a note about something.",
        (
            Option("about_kind", "exception, purchase, agent, ...", required=True),
            Option("about_id", "its id", required=True),
            Option("said", "the note", required=True),
        ),
    ),
    Row(
        "inbox list",
        "GET",
        "/console/inbox",
        "Webhooks that came, of a state.",
        (
            Option(
                "state", "dead if not given", choices=("waiting", "retrying", "dead", "ignored", "handled")
            ),
            Option("kind", "whose type begins so"),
            Option("order", "newest if not given", choices=("newest", "oldest")),
            AFTER,
        ),
    ),
    Row("inbox show", "GET", "/console/inbox/{notice_id}", "One webhook, and what became of it."),
    Row("inbox replay", "POST", "/console/inbox/{notice_id}/replay", "Have it handled anew.", (REASON,)),
    Row(
        "inbox replay-dead",
        "POST",
        "/console/inbox/replay-dead",
        "Have the dead ones handled anew.",
        (REASON,),
    ),
    Row(
        "inbox ignore",
        "POST",
        "/console/inbox/{notice_id}/ignore",
        "Have nobody look at it again.",
        (REASON,),
    ),
    Row(
        "deliveries list",
        "GET",
        "/console/deliveries",
        "What others were told.",
        (
            Option(
                "state", "any if not given", choices=("all", "pending", "retrying", "failed", "delivered")
            ),
            Option("endpoint", "to this endpoint"),
            Option("order", "newest if not given", choices=("newest", "oldest")),
            AFTER,
        ),
    ),
    Row("deliveries show", "GET", "/console/deliveries/{event_id}", "One event, and every try to tell it."),
    Row(
        "deliveries replay",
        "POST",
        "/console/deliveries/{event_id}/replay",
        "Tell one event again.",
        (ENDPOINT, REASON),
    ),
    Row(
        "deliveries replay-range",
        "POST",
        "/console/deliveries/replay",
        "Tell all of a time again.",
        (
            ENDPOINT,
            Option("since", "from then on, as in 2026-11-21T12:00; UTC", required=True),
            REASON,
            Option("until", "until before then; until now if not given"),
        ),
    ),
    Row("rails list", "GET", "/console/rails", "How well each rail does, and what reads the chain."),
    Row("rails nodes", "GET", "/console/rails/nodes", "Ask every node of the chain now."),
    Row("rails off", "POST", "/console/rails/{rail_id}/off", "Take nothing new on a rail.", (REASON,)),
    Row("rails on", "POST", "/console/rails/{rail_id}/on", "Take payments on it again.", (REASON,)),
    Row("reconciliation days", "GET", "/console/reconciliation", "Days by each witness.", (AFTER,)),
    Row(
        "reconciliation day",
        "GET",
        "/console/reconciliation/{day}",
        "One day and its items.",
        (Option("state", "only items in this one", choices=OF_ITEMS), AFTER),
    ),
    Row(
        "reconciliation item",
        "GET",
        "/console/reconciliation/items/{item_id}",
        "An item with every state it was in.",
    ),
    Row("reconciliation progress", "GET", "/console/reconciliation/progress", "What the run at work does."),
    Row("reconciliation run", "POST", "/console/reconciliation/run", "Have a run begin now."),
    Row(
        "reconciliation explain",
        "POST",
        "/console/reconciliation/items/{item_id}/explain",
        "Close a break by hand.",
        (REASON,),
    ),
    Row("periods list", "GET", "/console/periods", "The months and what became of them."),
    Row("periods show", "GET", "/console/periods/{month}", "A month: its close, or what stands against it."),
    Row("periods preview", "POST", "/console/periods/{month}/preview", "The report as it would be now."),
    Row(
        "periods prepare",
        "POST",
        "/console/periods/{month}/prepare",
        "Prepare the close for another person to confirm.",
        (REASON,),
    ),
    Row(
        "periods confirm",
        "POST",
        "/console/periods/{month}/confirm",
        "Close the month for ever.",
        (Option("draft_id", "the number of what was prepared", required=True),),
    ),
    Row("periods verify", "POST", "/console/periods/{month}/verify", "Work the report out again."),
    Row(
        "exports list",
        "GET",
        "/console/exports",
        "What was exported, and how far it is.",
        (Option("before", "the number that the page before has told as its next"),),
    ),
    Row(
        "exports create",
        "POST",
        "/console/exports",
        "Ask for an export; `download /console/exports/ID/file` when it is done.",
        (
            Option("data_set", "journal, balances, statement, purchases, ...", required=True),
            Option("format", "csv, jsonl, parquet, beancount, hledger or pdf", required=True),
            Option("begins", "the first day, in UTC; from the beginning if not given"),
            Option("ends", "the first day after the period; until now if not given"),
            Option("agent", "of this agent alone"),
        ),
    ),
    Row("exports cancel", "POST", "/console/exports/{export_id}/cancel", "Have nobody go on with it."),
    Row(
        "audit list",
        "GET",
        "/console/audit",
        "What people and the service did, the newest first.",
        (
            Option("whose", "people, or service"),
            Option("who", "this one, operator:ann@example.com"),
            Option("action", "this alone, exception.resolve"),
            Option("kind", "about a purchase, an agent, an exception, ..."),
            Option("about", "about the one of this id"),
            Option("outcome", "done, asked, failed or refused"),
            Option("begins", "the first day, in UTC"),
            Option("ends", "the first day after the period"),
            AFTER,
        ),
    ),
)
