"""Wake-up calls from the doors. One that cannot be sent is found by the sweeper."""

import logging

from kombu.exceptions import OperationalError

from workers import tasks

logger = logging.getLogger("pennyrail.workers")


def notice_came(notice_id: int) -> None:
    """Have a notice handled now. Never fails: the notice is already kept."""
    try:
        tasks.handle_notice.delay(notice_id=notice_id)
    except OperationalError:
        logger.warning("the queue does not answer; notice %s waits for the sweeper", notice_id)
