"""A rail whose answers depend on when it is asked, whatever time it is told."""

from datetime import UTC, datetime

from rails.conformance.fakes import FakeRail
from rails.rail import Handle, Outcome


class Clocked(FakeRail):
    """Ignores `now`."""

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What is true at the time of this machine."""
        return super().look_up(handle, now=max(now, datetime.now(UTC)))
