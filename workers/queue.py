"""The Celery application: one queue of wake-up calls, and the clock."""

import logging
from typing import Any

from celery import Celery, signals

from rails.telemetry import lines

celery = Celery(
    "pennyrail",
    include=["workers.tasks", "workers.exporting", "workers.pulse", "workers.draining", "workers.telemetry"],
)
celery.config_from_object("workers.configuration")


@signals.setup_logging.connect
def _log_without_secrets(**_: Any) -> None:
    # Connected, so that Celery leaves logging alone: the command has configured it, with every secret.
    if not logging.getLogger().handlers:
        lines.configure()
