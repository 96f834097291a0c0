"""Wake-up calls from the doors. One that cannot be sent is found by the sweeper."""

import logging
from collections.abc import Sequence
from typing import Final

from kombu.exceptions import OperationalError

from workers import exporting, tasks

# Few enough to be done in the time that a task has, even if the processor is slow to answer.
_IN_ONE_MESSAGE: Final = 20
logger = logging.getLogger("pennyrail.workers")


def notices_came(notice_ids: Sequence[int]) -> None:
    """Have notices handled now, a few in one message. Never fails: they are kept already."""
    for at in range(0, len(notice_ids), _IN_ONE_MESSAGE):
        few = list(notice_ids[at : at + _IN_ONE_MESSAGE])
        try:
            tasks.handle_notices.delay(notice_ids=few)
        except OperationalError:
            # One answer is enough: the others would wait for the same.
            logger.warning("the queue does not answer; notices from %s on wait for the sweeper", few[0])
            return


def reconcile() -> bool:
    """Have a reconciliation begin now; false if the queue does not answer: then it waits for its time."""
    try:
        tasks.reconcile.delay()
    except OperationalError:
        logger.warning("the queue does not answer; the reconciliation waits for its time")
        return False
    return True


def export_asked() -> None:
    """Have an export made now. Never fails: it is written down already."""
    try:
        exporting.make_exports.delay()
    except OperationalError:
        logger.warning("the queue does not answer; an export waits for the clock")
