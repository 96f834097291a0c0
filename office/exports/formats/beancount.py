"""A journal for Beancount."""

import re
from collections.abc import Callable
from typing import BinaryIO, Final, TextIO

from sqlmodel import Session

from ledger.money import CREDIT, USD
from office.exports import account_names, journal
from office.exports.formats import text
from office.exports.journal import Posting, Told
from office.exports.scope import Scope

# Before anything that the book can tell.
_BEGINNING: Final = "1970-01-01"
_NOT_IN_TAGS: Final = re.compile(r"[^A-Za-z0-9_./-]")
_HEAD: Final = f"""\
option "title" "Pennyrail"
option "operating_currency" "{USD.code}"
option "inferred_tolerance_default" "*:0"
{_BEGINNING} commodity {USD.code}
{_BEGINNING} commodity {CREDIT.code}
  name: "Credits of agents, each worth a cent when it is bought"
"""


def write(session: Session, scope: Scope, out: BinaryIO, *, told: Callable[[int], None]) -> None:
    """Write accounts, the opening, every transaction, and what each account must hold in the end.

    `told` hears of every transaction, how many legs it had.
    """
    with text.lines(out) as lines:
        lines.write(_HEAD)
        lines.write(f"{_BEGINNING} open {account_names.AGENTS} {CREDIT.code}\n")
        for account, asset in journal.accounts(session):
            lines.write(f"{_BEGINNING} open {account_names.outside(account)} {asset}\n")
            lines.write(f"  name: {_quoted(account)}\n")
        _open(session, scope, lines)
        for each in journal.transactions(session, scope):
            _transaction(each, lines)
            told(len(each.postings))
        _close(session, scope, lines)


def _open(session: Session, scope: Scope, lines: TextIO) -> None:
    for number, posting in enumerate(journal.opening(session, scope)):
        if number == 0:
            lines.write(f'\n{scope.begins_at:%Y-%m-%d} * "opening balances"\n')
        lines.write(_posting(posting))


def _transaction(each: Told, lines: TextIO) -> None:
    kind = _NOT_IN_TAGS.sub("-", each.kind)
    lines.write(
        f"\n{each.booked_at:%Y-%m-%d} * {_quoted(each.kind)} {_quoted(each.reference)}"
        f" #{kind} ^transaction-{each.transaction_id}\n"
    )
    lines.writelines(f"  {name}: {_quoted(value)}\n" for name, value in _metadata(each))
    lines.writelines(map(_posting, each.postings))


def _metadata(each: Told) -> tuple[tuple[str, str], ...]:
    return (
        ("transaction", str(each.transaction_id)),
        ("reference", each.reference),
        ("actor", each.actor),
        ("booked", str(text.said(each.booked_at))),
        ("effective", str(text.said(each.effective_at))),
    )


def _close(session: Session, scope: Scope, lines: TextIO) -> None:
    # A balance is asserted for the beginning of a day.
    day = journal.day_after(scope)
    lines.write("\n")
    lines.writelines(
        f"{day} balance {account_names.outside(account)} {amount}\n"
        for account, amount in journal.closing(session, scope)
    )
    all_agents = journal.agents(session, scope)
    if all_agents is not None:
        lines.write(f"{day} balance {account_names.AGENTS} {all_agents}\n")


def _posting(posting: Posting) -> str:
    return f"  {account_names.outside(posting.account)}  {posting.amount}\n"


def _quoted(value: str) -> str:
    told = text.one_line(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{told}"'
