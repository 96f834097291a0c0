"""The tasks of exports: each makes what is due, whoever was woken for it."""

import logging
from typing import Any

from office.exports import making
from office.exports.errors import NoFolder
from office.exports.making import Maker
from office.exports.settings import ExportSettings
from workers import clock
from workers.queue import celery
from workers.wiring import wired

logger = logging.getLogger("pennyrail.workers")


# An export of many years is read and written in one go.
@celery.task(soft_time_limit=6 * 3600, time_limit=6 * 3600 + 60)
def make_exports(**_: Any) -> None:
    """Make exports, one after the other, until none is due or enough workers make others."""
    maker = _maker()
    try:
        while export_id := making.make_next(maker):
            logger.info("%s has ended", export_id)
    except NoFolder:
        # Without a folder nobody can have asked for one.
        return


@celery.task
def remove_exports(**_: Any) -> None:
    """Remove files that were kept long enough."""
    try:
        removed = making.remove_old(_maker())
    except NoFolder:
        return
    if removed:
        logger.info("%s exports have expired", len(removed))


def _maker() -> Maker:
    return Maker(wired().sessions, ExportSettings(), clock.now)
