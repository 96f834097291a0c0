"""Every command, a row each: its words, its route, what goes into the path and what is said beside it."""

from typing import Final

from app.ops_cli.rows import agents, books, people, proposals, purchases, queues
from app.ops_cli.rows.row import Option, Row

__all__ = ("ROWS", "Option", "Row")

ROWS: Final = (*proposals.ROWS, *purchases.ROWS, *agents.ROWS, *queues.ROWS, *books.ROWS, *people.ROWS)
