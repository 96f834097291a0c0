"""The chart of accounts: what every account is called, and what it counts.

Credits (CREDIT)
    agent:<id>              what an agent owns; part of it may be held for its jobs    never below zero
    issued                  where granted credits come from     negative: the credits ever granted
    spent                   credits used up
    expired                 credits that lapsed
Money (USD)
    clearing:<rail>         received by a rail, not paid out yet    negative: an asset
    prepaid_liability       owed in service for unspent credits
    revenue                 earned by spending
    breakage                earned by expiry
    fees                    kept by the processor
    receivable              to be had from customers after a clawback
    processor:<processor>   in the processor's balance    negative: an asset
    processor:suspense      in that balance too, and nobody knows whose or what for    positive
    bank                    paid out by the processor    negative: an asset
    sales_tax               collected with purchases, owed to the state
    unclaimed               money that came and that nobody has credits for: still owed
    losses                  receivables that were given up    negative: an expense
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.errors import UnknownAccount
from ledger.money import CREDIT, USD, Asset

HOUSE_SHARDS: Final = 16


@dataclass(frozen=True, slots=True)
class AccountClass:
    """What the accounts of one class have in common; the database has the same rows in account_class."""

    name: str
    asset: Asset
    floor: int | None
    shards: int


CLASSES: Final = {
    found.name: found
    for found in (
        AccountClass("agent", CREDIT, floor=0, shards=1),
        *(AccountClass(name, CREDIT, None, HOUSE_SHARDS) for name in ("issued", "spent", "expired")),
        *(
            AccountClass(name, USD, None, HOUSE_SHARDS)
            for name in (
                *("clearing", "prepaid_liability", "revenue", "breakage", "fees", "receivable"),
                *("processor", "bank", "sales_tax"),
            )
        ),
        *(AccountClass(name, USD, None, HOUSE_SHARDS) for name in ("unclaimed", "losses")),
    )
}

ISSUED: Final = "issued"
SPENT: Final = "spent"
EXPIRED: Final = "expired"
PREPAID_LIABILITY: Final = "prepaid_liability"
REVENUE: Final = "revenue"
BREAKAGE: Final = "breakage"
FEES: Final = "fees"
RECEIVABLE: Final = "receivable"
BANK: Final = "bank"
SALES_TAX: Final = "sales_tax"
SUSPENSE: Final = "processor:suspense"
UNCLAIMED: Final = "unclaimed"
LOSSES: Final = "losses"

_WELL_FORMED: Final = re.compile(r"[a-z][a-z_]*(:[A-Za-z0-9._-]{1,200})?")


def agent(agent_id: str) -> str:
    """The account of the credits that an agent can spend."""
    return _named("agent", agent_id)


def clearing(rail_id: str) -> str:
    """The account of the money that a rail has received and not paid out yet."""
    return _named("clearing", rail_id)


def processor(processor_id: str) -> str:
    """The account of the money in a processor's balance."""
    return _named("processor", processor_id)


def asset(account: str) -> Asset:
    """The asset that `account` counts, whether or not anybody has used it yet.

    raises: UnknownAccount
    """
    found = CLASSES.get(account.partition(":")[0])
    if found is None or not _WELL_FORMED.fullmatch(account):
        raise UnknownAccount(account=account)
    return found.asset


def _named(class_name: str, owner_id: str) -> str:
    account = f"{class_name}:{owner_id}"
    asset(account)
    return account
