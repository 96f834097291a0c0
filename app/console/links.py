"""Where the page of each thing is."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

PATH: Final = "/console"
_PAGES: Final[Mapping[str, str]] = {
    "purchase": "purchases",
    "quote": "quotes",
    "receipt": "receipts",
    "agent": "agents",
    "exception": "exceptions",
    "notice": "inbox",
    "transaction": "ledger/transactions",
    "hold": "ledger/holds",
    "message": "deliveries",
}


def to(kind: str, key: str | int) -> str:
    """The address of the page of one thing, of services the page of all."""
    if kind == "service":
        return f"{PATH}/services"
    return f"{PATH}/{_PAGES[kind]}/{quote(str(key), safe='')}"
