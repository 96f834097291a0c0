"""Who works here, who else may knock, and what everybody did."""

from typing import Final

from app.ops_cli.rows.row import AFTER, REASON, Option, Row
from office.roles import ROLES

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
    Row("services list", "GET", "/console/services", "Tokens of services, and endpoints of webhooks."),
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
            Option("outcome", "done, asked, failed or refused; unanswered: asked, and never ended"),
            Option("begins", "the first day, in UTC"),
            Option("ends", "the first day after the period"),
            AFTER,
        ),
    ),
)
