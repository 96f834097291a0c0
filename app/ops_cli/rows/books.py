"""Reconciliation, the months, and files for others."""

from typing import Final

from app.ops_cli.rows.row import AFTER, REASON, Option, Row
from office.reconciliation import STATES

ROWS: Final = (
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
)
