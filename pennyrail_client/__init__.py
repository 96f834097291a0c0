"""The client of Pennyrail's door for services, /internal/v1: typed, synchronous, and safe to retry."""

from pennyrail_client.client import Client
from pennyrail_client.errors import (
    AgentFrozen,
    Conflict,
    DailyJobCapReached,
    HoldGone,
    InsufficientCredits,
    InvalidRequest,
    NotAllowed,
    NotFound,
    PennyrailError,
    Unavailable,
)
from pennyrail_client.holds import Hold
from pennyrail_client.replies import (
    Balance,
    BatchResult,
    Done,
    HoldOpen,
    Introspection,
    Lot,
    LotShare,
    Outcome,
    Price,
    Snapshot,
)

__all__ = [
    "Client",
    "Hold",
    "Balance",
    "BatchResult",
    "Done",
    "HoldOpen",
    "Introspection",
    "Lot",
    "LotShare",
    "Outcome",
    "Price",
    "Snapshot",
    "PennyrailError",
    "AgentFrozen",
    "Conflict",
    "DailyJobCapReached",
    "HoldGone",
    "InsufficientCredits",
    "InvalidRequest",
    "NotAllowed",
    "NotFound",
    "Unavailable",
]
