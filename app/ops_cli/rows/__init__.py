"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from typing import Final

from app.ops_cli.rows import agents, books, people, proposals, purchases, queues
from app.ops_cli.rows.row import Option, Row

__all__ = ("GROUPS", "ROWS", "Option", "Row")

ROWS: Final = (*proposals.ROWS, *purchases.ROWS, *agents.ROWS, *queues.ROWS, *books.ROWS, *people.ROWS)
GROUPS: Final = {
    "agents": "Agents: what they have, bought and spent; freeze them, and revoke their tokens.",
    "audit": "The audit log: who did what, when, why, and how it ended.",
    "deliveries": "Webhooks to others: who was told what; tell it again.",
    "exceptions": "Money that came otherwise than it was asked for: decide what becomes of it.",
    "exports": "Files for others: journals, purchases, statements, the audit log.",
    "inbox": "Webhooks that came: why one is dead; have it handled anew, or ignored.",
    "ledger": "Single pages of the book: a transaction with its legs, a hold.",
    "notes": "What people write down about a purchase, an agent, an exception.",
    "operators": "Who works here, and under which role: invite, disable, end sessions.",
    "periods": "The months: prepare a close, confirm another person's, verify a closed one.",
    "proposals": "What takes two people: adjustments, corrections, write-offs, refunds, policies.",
    "purchases": "What was sold: look at the processor again, cancel, refund.",
    "quotes": "Prices that were fixed.",
    "rails": "Ways to pay: how well each does; take nothing new on one, and take it again.",
    "receipts": "Receipts, and their signatures.",
    "reconciliation": "The book beside Stripe and the chain: days, breaks, runs; explain a break.",
    "services": "Tokens of services, and endpoints of webhooks.",
    "sessions": "Where you are signed in; end the others.",
}
"""What each group of commands is for."""
