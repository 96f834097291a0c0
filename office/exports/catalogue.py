"""What can be exported, in which formats, and how one export is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from sqlmodel import Session

from office.exports import journal
from office.exports.columns import Column, Row
from office.exports.data_set import DataSet
from office.exports.errors import NotExportable
from office.exports.formats import beancount, hledger, json_lines, parquet, spreadsheet, statement_pdf
from office.exports.scope import Scope
from office.exports.sets.audit import AUDIT
from office.exports.sets.balances import BALANCES
from office.exports.sets.deliveries import DELIVERIES
from office.exports.sets.exceptions import EXCEPTIONS
from office.exports.sets.journal import JOURNAL
from office.exports.sets.purchases import PURCHASES
from office.exports.sets.reconciliation import RECONCILIATION
from office.exports.sets.reversals import REVERSALS
from office.exports.sets.statement import STATEMENT

Told = Callable[[int], None]
"""Hears how many more rows were written; raises ExportStopped if nobody wants the rest."""
_Rows = Callable[[Sequence[Column], Iterator[Row], BinaryIO], None]

DATA_SETS: Final[Mapping[str, DataSet]] = {
    each.name: each
    for each in (
        *(JOURNAL, BALANCES, STATEMENT, PURCHASES, EXCEPTIONS, REVERSALS, RECONCILIATION, AUDIT),
        DELIVERIES,
    )
}


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing: of every data set, or of `only` one."""

    name: str
    title: str
    ending: str
    content_type: str
    only: str | None = None


FORMATS: Final[Mapping[str, Format]] = {
    each.name: each
    for each in (
        Format("csv", "CSV, for spreadsheets", "csv", "text/csv; charset=utf-8; header=present"),
        Format("jsonl", "JSON lines", "jsonl", "application/jsonl; charset=utf-8"),
        Format("parquet", "Parquet", "parquet", "application/vnd.apache.parquet"),
        Format("beancount", "Beancount journal", "beancount", "text/plain; charset=utf-8", "journal"),
        Format("hledger", "hledger journal", "journal", "text/plain; charset=utf-8", "journal"),
        Format("pdf", "PDF", "pdf", "application/pdf", "statement"),
    )
}
_IN_ROWS: Final[Mapping[str, _Rows]] = {
    "csv": spreadsheet.write,
    "jsonl": json_lines.write,
    "parquet": parquet.write,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and how."""

    data_set: DataSet
    format: Format
    scope: Scope

    @property
    def name(self) -> str:
        """What the file is called, with letters and dashes alone."""
        scope = self.scope
        who = "".join(
            letter if letter.isascii() and letter.isalnum() else "-" for letter in scope.agent_id or ""
        )
        begins = f"{scope.begins_at:%Y%m%d}" if scope.begins_at and not self.data_set.at_its_end else ""
        words = ("pennyrail", self.data_set.name, who, begins, f"{scope.ends_at:%Y%m%d}")
        return f"{'-'.join(filter(None, words))}.{self.format.ending}"


def order(*, data_set: str, format_name: str, scope: Scope) -> Order:
    """What these names mean.

    raises: NotExportable
    """
    rows, form = DATA_SETS.get(data_set), FORMATS.get(format_name)
    if rows is None or form is None:
        raise NotExportable("there is no such data set or format")
    if form.only not in (None, data_set):
        raise NotExportable(f"{form.title} is for the data set {form.only} alone")
    if rows.needs_agent and scope.agent_id is None:
        raise NotExportable("a statement is of one agent: say which")
    if scope.agent_id is not None and not rows.of_agents:
        raise NotExportable(f"{rows.title} cannot be had of one agent alone")
    if form.name == "pdf" and scope.begins_at is None:
        raise NotExportable("a statement on paper needs the day it begins")
    return Order(rows, form, scope)


def about(session: Session, order: Order) -> int:
    """How many rows there may be, guessed without reading them."""
    if order.format.only == "journal":
        return journal.about(session, order.scope)
    return order.data_set.about(session, order.scope)


def write(session: Session, order: Order, out: BinaryIO, *, told: Told) -> None:
    """Write an export. The session must be a snapshot; `told` may end it by raising."""
    match order.format.name:
        case "beancount":
            beancount.write(session, order.scope, out, told=told)
        case "hledger":
            hledger.write(session, order.scope, out, told=told)
        case "pdf":
            statement_pdf.write(session, order.scope, out, told=told)
        case named:
            rows = order.data_set.rows(session, order.scope)
            _IN_ROWS[named](order.data_set.columns, _counted(rows, told), out)


def _counted(rows: Iterator[Row], told: Told) -> Iterator[Row]:
    for row in rows:
        yield row
        told(1)
