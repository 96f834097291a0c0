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


LENGTHS: Final = ("1h", "4h", "12h", "1d", "3d", "7d", "30d")
REASON: Final = Option("reason", "why, in words", required=True)
SEEN: Final = Option("seen", "what had arrived, in the smallest units, as `show` tells it", required=True)
ENDPOINT: Final = Option("endpoint_id", "which endpoint, ep_...", required=True)
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
        "exceptions write-off",
        "POST",
        "/console/exceptions/{exception_id}/write-off",
        "Close it without credits.",
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
        "inbox ignore",
        "POST",
        "/console/inbox/{notice_id}/ignore",
        "Have nobody look at it again.",
        (REASON,),
    ),
    Row(
        "inbox replay-dead",
        "POST",
        "/console/inbox/replay-dead",
        "Have the dead ones handled anew.",
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
)
