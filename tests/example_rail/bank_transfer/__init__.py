"""The rail `bank_transfer`: an agent opens a payment, a person confirms it on the processor's page."""

from ledger.database import Sessions
from rails.rail import Rail

from .rail import RAIL_ID, BankTransfer
from .settings import BankTransferSettings

__all__ = ["RAIL_ID", "build"]


def build(_sessions: Sessions) -> Rail:
    """The rail, as the settings describe it."""
    return BankTransfer(BankTransferSettings())
