"""The Celery application: one queue of wake-up calls, and the clock."""

import logging
from typing import Any

from celery import Celery, signals

from rails import redaction

celery = Celery(
    "pennyrail", include=["workers.tasks", "workers.exporting", "workers.pulse", "workers.draining"]
)
celery.config_from_object("workers.configuration")


@signals.setup_logging.connect
def _log_without_secrets(**_: Any) -> None:
    redaction.configure()
    # One line for each beat of the clock tells nobody anything.
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
