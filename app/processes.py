"""How worker and clock are measured: asked before anything that measures is imported."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from pydantic import ValidationError

from rails.telemetry.settings import TelemetrySettings, measure_together


def shared_measures() -> Path | None:
    """Where a worker and the processes it forks keep their measures; None if nobody reads them."""
    try:
        if not TelemetrySettings().metrics_port:
            return None
    except ValidationError:
        # Which is refused by itself.
        return None
    folder = Path(tempfile.mkdtemp(prefix="pennyrail-measures-"))
    measure_together(folder)
    # Only by the worker: its children end as well, and earlier.
    mine = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == mine else None)
    return folder


def measure_worker(folder: Path | None) -> None:
    """Have a worker and the processes it forks be measured as one, from when it is ready."""
    from workers import telemetry

    telemetry.measure_when_ready(folder)


def measure_clock() -> None:
    """Have the clock be measured from now on."""
    from rails.telemetry import listener

    listener.count_problems()
    listener.open_to_prometheus(TelemetrySettings())
