"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from dataclasses import dataclass
from typing import Final, Literal

from office.reconciliation import STATES
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
    Row("reconciliation days", "GET", "/console/reconciliation", "Days by each witness.", (AFTER,)),
    Row(
        "reconciliation day",
        "GET",
        "/console/reconciliation/{day}",
        "One day and its items.",
        (Option("state", "only items in this one", choices=STATES), AFTER),
    ),
    Row(
        "reconciliation item",
        "GET",
        "/console/reconciliation/items/{item_id}",
        "An item with every state it was in.",
    ),
    Row("reconciliation run", "POST", "/console/reconciliation/run", "Have a run begin now."),
    Row("reconciliation progress", "GET", "/console/reconciliation/progress", "What the run at work does."),
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
)
