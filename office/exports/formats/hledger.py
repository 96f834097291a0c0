"""A journal for hledger."""

from collections.abc import Callable
from typing import BinaryIO, Final, TextIO
from urllib.parse import quote

from sqlmodel import Session

from ledger.money import CREDIT, USD, Amount
from office.exports import account_names, journal
from office.exports.formats import text
from office.exports.journal import Told
from office.exports.scope import Scope

_HEAD: Final = f"""\
; Pennyrail. Every credit is worth a cent when it is bought.
commodity 1000.00 {USD.code}
commodity 1000. {CREDIT.code}
"""


def write(session: Session, scope: Scope, out: BinaryIO, *, told: Callable[[int], None]) -> None:
    """Write accounts, the opening, every transaction, and what each account must hold in the end.

    `told` hears of every transaction, how many legs it had.
    """
    with text.lines(out) as lines:
        lines.write(_HEAD)
        lines.write(f"account {account_names.AGENTS}\n")
        for account, _ in journal.accounts(session):
            lines.write(f"account {account_names.outside(account)}  ; name:{account}\n")
        _open(session, scope, lines)
        for each in journal.transactions(session, scope):
            _transaction(each, lines)
            told(len(each.postings))
        _close(session, scope, lines)


def _open(session: Session, scope: Scope, lines: TextIO) -> None:
    for number, (account, amount) in enumerate(journal.opening(session, scope)):
        if number == 0:
            lines.write(f"\n{scope.begins_at:%Y-%m-%d} * opening balances\n")
        lines.write(_posting(account, str(amount)))


def _transaction(each: Told, lines: TextIO) -> None:
    # A semicolon begins a comment, and a bar parts a payee.
    kind, reference = (
        text.one_line(word).translate(str.maketrans(";|", ",/")) for word in (each.kind, each.reference)
    )
    lines.write(f"\n{each.booked_at:%Y-%m-%d} * ({each.transaction_id}) {kind} | {reference}\n")
    tags = (
        ("transaction", str(each.transaction_id)),
        ("kind", each.kind),
        ("reference", each.reference),
        ("actor", each.actor),
        ("booked", str(text.said(each.booked_at))),
        ("effective", str(text.said(each.effective_at))),
    )
    lines.writelines(f"    ; {name}:{_tagged(value)}\n" for name, value in tags)
    lines.writelines(_posting(account, str(amount)) for account, amount in each.postings)


def _close(session: Session, scope: Scope, lines: TextIO) -> None:
    began = False
    for account, amount in journal.closing(session, scope):
        if not began:
            lines.write(f"\n{journal.day_after(scope)} * closing balances\n")
            began = True
        lines.write(_posting(account, f"{Amount(0, amount.asset)} = {amount}"))
    all_agents = journal.agents(session, scope)
    if all_agents is not None:
        lines.write(f"    {account_names.AGENTS}  {Amount(0, CREDIT)} =* {all_agents}\n")


def _posting(account: str, amount: str) -> str:
    return f"    {account_names.outside(account)}  {amount}\n"


def _tagged(value: str) -> str:
    """The value, with what ends a tag told in percent: `%2C` is a comma."""
    return "".join(
        letter if letter.isprintable() and letter not in "%," else quote(letter, safe="") for letter in value
    )
