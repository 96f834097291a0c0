"""The statement of one agent: every entry of its account, with the balance after it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session

from ledger import chart, history, statements
from ledger.statements import Line, Statement
from office.exports.columns import Column, Row
from office.exports.data_set import DataSet
from office.exports.errors import NotExportable
from office.exports.scope import Scope

_BEGINNING: Final = datetime(1972, 1, 1, tzinfo=UTC)
COLUMNS: Final = (
    Column("transaction_id", "integer"),
    Column("booked_at", "time"),
    Column("effective_at", "time"),
    Column("kind"),
    Column("reference"),
    Column("actor"),
    Column("amount_credits", "integer"),
    Column("held_change_credits", "integer"),
    Column("balance_credits", "integer"),
    Column("held_credits", "integer"),
    Column("about"),
)


def pages(session: Session, scope: Scope) -> Iterator[Statement]:
    """The statement of the scope's agent, page by page; the first one is read at once.

    raises: NotExportable without an agent; UnknownAccount for one that was never given credits
    """
    if scope.agent_id is None:
        raise NotExportable("a statement is of one agent")
    return statements.pages(
        session,
        account=chart.agent(scope.agent_id),
        begins_at=scope.begins_at or _BEGINNING,
        ends_at=scope.ends_at,
    )


def _rows(session: Session, scope: Scope) -> Iterator[Row]:
    return (_row(line) for page in pages(session, scope) for line in page.lines)


def _row(line: Line) -> Row:
    return (
        *(line.transaction_id, line.at, line.effective_at, line.kind, line.reference, line.actor),
        *(line.amount.units, line.held_change.units, line.balance.units, line.held.units),
        line.about.words(),
    )


def _about(session: Session, scope: Scope) -> int:
    if scope.agent_id is None:
        raise NotExportable("a statement is of one agent")
    account = chart.agent(scope.agent_id)
    before, until = (
        history.balance_at(session, account=account, at=end - statements.MOMENT).version
        for end in (scope.begins_at or _BEGINNING, scope.ends_at)
    )
    return until - before


STATEMENT: Final = DataSet(
    name="statement",
    title="Statement of one agent",
    columns=COLUMNS,
    rows=_rows,
    about=_about,
    of_agents=True,
    needs_agent=True,
)
