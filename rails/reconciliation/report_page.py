"""A day's report for people: tables of words, and a page of Markdown."""

from collections.abc import Iterator
from datetime import timedelta

from rails.reconciliation.report import DayReport, ItemLine, Totals

Row = tuple[str, ...]
Rows = tuple[Row, ...]
"""The headings come first."""


def markdown(told: DayReport) -> str:
    """The report as a page."""
    parts = [f"# Reconciliation of {told.day} (UTC)", ""]
    for title, rows in tables(told):
        parts += [f"## {title}", "", *_table(rows), ""]
    return "\n".join(parts)


def _sides(totals: Totals) -> Rows:
    return (
        ("side", "what", "amount"),
        ("chain", f"deposits, {totals.deposits} of them", str(totals.deposited)),
        ("stripe", "gross", str(totals.gross)),
        ("stripe", "of it tax", str(totals.tax)),
        ("stripe", "fees", str(totals.fee)),
        ("stripe", "sent back", str(totals.returned)),
        ("stripe", "net before payouts", str(totals.net)),
        ("book", "granted, or kept as unclaimed", str(totals.granted)),
        ("book", "taken back", str(totals.taken_back)),
    )


def _movements(told: DayReport) -> Rows:
    lines = (
        (each.type, each.currency, each.count, each.amount, each.fee, each.net) for each in told.movements
    )
    return (
        ("type", "currency", "count", "amount", "fee", "net"),
        *(tuple(map(str, cells)) for cells in lines),
    )


def _accounts(told: DayReport) -> Rows:
    rows = ((each.account, str(each.opening), str(each.closing)) for each in told.accounts)
    return (("account", "opening", "closing"), *rows)


def _payouts(told: DayReport) -> Rows:
    rows = (
        (
            each.payout_id,
            each.state,
            str(each.amount),
            "automatic" if each.automatic else "by hand",
            str(each.movements),
        )
        for each in told.payouts
    )
    return (("payout", "state", "amount", "made", "movements in it"), *rows)


def _breaks(told: DayReport) -> Rows:
    rows = ((each.subject, each.matter, each.state, *sums(each)) for each in told.breaks)
    return (("subject", "matter", "state", "expected", "found", "open for"), *rows)


def tables(told: DayReport) -> Iterator[tuple[str, Rows]]:
    """The tables of a report with their titles, the headings first."""
    yield f"{told.day} from each side", _sides(told.totals)
    yield "movements at the processor", _movements(told)
    yield "accounts", _accounts(told)
    yield "payouts", _payouts(told)
    yield "items of the day", (("state", "items"), *((state, str(count)) for state, count in told.states))
    yield "open breaks", _breaks(told)


def sums(each: ItemLine) -> Row:
    """What was expected and found of an item, and for how long it is open."""
    return str(each.expected), str(each.found), age(each.age)


def age(span: timedelta) -> str:
    """A time in days and hours."""
    days, hours = span.days, span.seconds // 3600
    return f"{days} d {hours} h" if days else f"{hours} h {span.seconds % 3600 // 60} min"


def _table(rows: Rows) -> Iterator[str]:
    heading, *others = rows
    if not others:
        yield "none"
        return
    for row in (heading, tuple("---" for _ in heading), *others):
        yield f"| {' | '.join(row)} |"
