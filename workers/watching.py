"""Between the chain room and the story, which know nothing of each other."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from rails import reviews, schedule
from rails.telemetry import trace

logger = logging.getLogger("pennyrail.chain")


@dataclass(slots=True)
class StoryWatch:
    """What the chain room needs of the story: which addresses, and whom to tell."""

    now: datetime
    told: bool = False

    def addresses(self, session: Session) -> Collection[str]:
        """Every address that somebody may still pay to."""
        return schedule.watched(session, now=self.now)

    def changed(self, session: Session, addresses: Collection[str]) -> None:
        """Have the attempts behind these addresses looked at."""
        schedule.knock(session, addresses=addresses, now=self.now)
        for attempt_id, trace_id in schedule.behind(session, addresses=addresses, now=self.now):
            with trace.within(trace.of(trace_id), payment_attempt_id=attempt_id):
                logger.info("the chain shows something at the address of %s", attempt_id)
        self.told = True

    def deeper_than_final(self, session: Session, *, chain_id: int, detail: str) -> None:
        """Have a person decide: nothing that was credited is taken back by itself."""
        reviews.chain_changed(session, chain_id=chain_id, detail=detail, now=self.now)
