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
