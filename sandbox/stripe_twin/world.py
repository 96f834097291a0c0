"""Everything one running twin knows.

The twin lives on one event loop, and no function that changes the store awaits anything: every change is
atomic without a lock.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field

from sandbox.stripe_twin import versions
from sandbox.stripe_twin.errors import NoSuchObject
from sandbox.stripe_twin.models import Fault, Health, SeenRequest
from sandbox.stripe_twin.settings import TwinConfig
from sandbox.stripe_twin.store import Document, Store
from sandbox.stripe_twin.switches import Switches
from sandbox.stripe_twin.versions import Version

CLOCK = ("twin", "clock")
SEEN_REQUESTS_MAX = 10_000
log = logging.getLogger("stripe_twin")


@dataclass(frozen=True)
class Cause:
    """The API request that an event goes back to, if any."""

    request_id: str | None = None
    idempotency_key: str | None = None


BY_ITSELF = Cause()


@dataclass
class World:
    """The parts that every endpoint and every background loop works on."""

    config: TwinConfig
    store: Store
    switches: Switches = field(default_factory=Switches)
    faults: list[Fault] = field(default_factory=list)
    seen: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=SEEN_REQUESTS_MAX))
    in_flight: set[str] = field(default_factory=set)
    # Deliveries that wait for their moment: id of the delivery -> when it is due, in real seconds.
    due: dict[str, float] = field(default_factory=dict)
    delivery_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    chain: Health = field(default_factory=lambda: Health(chain="off"))
    clock_ahead_seconds: int = 0
    deliveries_planned: int = 0

    def __post_init__(self) -> None:
        """Go on at the time where an earlier process stopped: what it wrote shall not lie in the future."""
        clock = self.store.get(*CLOCK)
        self.clock_ahead_seconds = 0 if clock is None else clock["ahead_seconds"]

    def advance_clock(self, seconds: int) -> None:
        """Move the clock forward, for later processes too."""
        self.clock_ahead_seconds += seconds
        self.store.put(*CLOCK, {"ahead_seconds": self.clock_ahead_seconds})

    def now(self) -> int:
        """Seconds since 1970, by a clock that tests may move forward."""
        return int(self.precise_now())

    def precise_now(self) -> float:
        """The same clock with its fractions."""
        return time.time() + self.clock_ahead_seconds

    def deposits_known(self, version: Version) -> bool:
        """Whether this account may use deposit mode with this version."""
        over = version.day >= self.switches.deposit_mode_until
        return self.config.crypto_deposits_enabled and versions.knows_deposit_mode(version) and not over

    def verification_known(self, version: Version) -> bool:
        """Whether this account may have reusable addresses and pay by transaction hash with this version."""
        return self.config.crypto_deposits_enabled and versions.knows_verification(version)

    def existing(self, kind: str, identifier: str, *, livemode: bool, param: str = "id") -> Document:
        """The object of that kind and id that a key of this mode can see.

        raises: NoSuchObject
        """
        document = self.store.get(kind, identifier)
        if document is None:
            raise NoSuchObject(kind, identifier, param=param)
        if document["livemode"] != livemode:
            other, own = ("live", "test") if document["livemode"] else ("test", "live")
            hint = (
                f"; a similar object exists in {other} mode, "
                f"but a {own} mode key was used to make this request."
            )
            raise NoSuchObject(kind, identifier, hint=hint, param=param)
        return document
