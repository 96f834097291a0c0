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
        "overview",
        "GET",
        "/console/",
        "What was sold, spent and earned, what is owed, and what to look at now.",
        (Option("days", "the period", choices=("7", "30", "90")),),
    ),
    Row("rails list", "GET", "/console/rails", "How the rails and the house do."),
    Row("rails nodes", "GET", "/console/rails/nodes", "Ask every node of the chain now."),
    Row("rails off", "POST", "/console/rails/{rail_id}/off", "Refuse new payments on a rail.", (REASON,)),
    Row("rails on", "POST", "/console/rails/{rail_id}/on", "Take payments on a rail again.", (REASON,)),
)
