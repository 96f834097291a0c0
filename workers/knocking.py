"""Between reconciliation and the story: having an attempt looked at whose money has moved unheard."""

from dataclasses import dataclass
from datetime import datetime

from ledger.database import Sessions
from rails import purchase, reversals
from rails.rail import Rails


@dataclass(frozen=True, slots=True)
class Knock:
    """What reconciliation needs of the story."""

    sessions: Sessions
    rails: Rails
    now: datetime

    def __call__(self, payment_attempt_id: str) -> None:
        """Ask the rail what has become of an attempt and what has left it, and write both down."""
        purchase.settle(self.sessions, self.rails, payment_attempt_id=payment_attempt_id, now=self.now)
        reversals.look(self.sessions, self.rails, payment_attempt_id=payment_attempt_id, now=self.now)
