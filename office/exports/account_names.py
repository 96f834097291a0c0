"""What accounts are called in journals for accountants, and back again.

Beancount wants every part of a name to begin with a capital letter or a digit, and knows letters, digits and
dashes. So `_` is written `--`, and `.` and `-` as a dash with their number. A first letter is made a capital;
what cannot be made one has `0-x` before it.
"""

import re
from collections.abc import Mapping
from typing import Final

AGENTS: Final = "Liabilities:Credits:Agents"
"""Above the accounts of all agents."""

# Debits are positive there: what the house has and what it paid. In the book they are negative.
_ROOTS: Final[Mapping[str, str]] = {
    "agent": AGENTS,
    "issued": "Equity:Credits:Issued",
    "spent": "Equity:Credits:Spent",
    "expired": "Equity:Credits:Expired",
    "clearing": "Assets:Clearing",
    "prepaid_liability": "Liabilities:Prepaid",
    "revenue": "Income:Revenue",
    "breakage": "Income:Breakage",
    "fees": "Expenses:Fees",
    "receivable": "Assets:Receivable",
    "processor": "Assets:Processor",
    "bank": "Assets:Bank",
    "sales_tax": "Liabilities:SalesTax",
    "unclaimed": "Liabilities:Unclaimed",
    "losses": "Expenses:Losses",
}
# Classes that a later version of the house opens are told under their own names until they are placed here.
_OTHER: Final = "Equity:Other"
_CLASSES: Final = {root: name for name, root in _ROOTS.items()}
_ESCAPED: Final = re.compile(r"--|-[0-9a-f]{2}")
_AS_IT_IS: Final = "0-x"


def outside(account: str) -> str:
    """The name in journals of an account of the book."""
    class_name, _, owner = account.partition(":")
    root = _ROOTS.get(class_name) or f"{_OTHER}:{_part(class_name)}"
    return f"{root}:{_part(owner)}" if owner else root


def inside(name: str) -> str:
    """The account of the book that `outside` told."""
    if name in _CLASSES:
        return _CLASSES[name]
    root, _, part = name.rpartition(":")
    if root in _CLASSES:
        return f"{_CLASSES[root]}:{_read(part)}"
    return ":".join(_read(each) for each in name.removeprefix(f"{_OTHER}:").split(":"))


def _part(name: str) -> str:
    first = name[0]
    if first.isdigit() or first.islower():
        return first.upper() + _escaped(name[1:])
    return _AS_IT_IS + _escaped(name)


def _escaped(name: str) -> str:
    return "".join(
        "--" if letter == "_" else letter if letter.isalnum() else f"-{ord(letter):02x}" for letter in name
    )


def _read(part: str) -> str:
    if part.startswith(_AS_IT_IS):
        return _unescaped(part.removeprefix(_AS_IT_IS))
    return part[0].lower() + _unescaped(part[1:])


def _unescaped(part: str) -> str:
    return _ESCAPED.sub(lambda found: "_" if found[0] == "--" else chr(int(found[0][1:], 16)), part)
