"""What waits for a person: exceptions, webhooks that came, and what others were told."""

from typing import Final

from app.ops_cli.rows.row import AFTER, REASON, Option, Row

_SEEN: Final = Option("seen", "what had arrived, in the smallest units, as `show` tells it", required=True)
_LENGTHS: Final = ("1h", "4h", "12h", "1d", "3d", "7d", "30d")
_ENDPOINT: Final = Option("endpoint_id", "which endpoint, ep_...", required=True)
ROWS: Final = (
    Row(
        "exceptions list",
        "GET",
        "/console/exceptions",
        "What waits for a decision, the oldest first.",
        (
            Option("state", "open if not given", choices=("open", "waiting", "closed", "all")),
            Option("kind", "of this kind"),
            Option("agent", "of this agent"),
            Option("older_than", "open for longer", choices=_LENGTHS),
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
        (_SEEN, REASON),
    ),
    Row(
        "exceptions refund",
        "POST",
        "/console/exceptions/{exception_id}/refund",
        "Have the processor send its charge back.",
        (_SEEN, REASON),
    ),
    Row(
        "exceptions write-off",
        "POST",
        "/console/exceptions/{exception_id}/write-off",
        "Close it without credits.",
        (_SEEN, REASON),
    ),
    Row(
        "exceptions wait",
        "POST",
        "/console/exceptions/{exception_id}/wait",
        "Put it off; it comes back by itself.",
        (_SEEN, REASON, Option("wait_for", "for how long", required=True, choices=_LENGTHS)),
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
        (_ENDPOINT, REASON),
    ),
    Row(
        "deliveries replay-range",
        "POST",
        "/console/deliveries/replay",
        "Tell all of a time again.",
        (
            _ENDPOINT,
            Option("since", "from then on, as in 2026-11-21T12:00; UTC", required=True),
            REASON,
            Option("until", "until before then; until now if not given"),
        ),
    ),
)
