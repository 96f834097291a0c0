"""How worker and clock are measured: asked before anything that measures is imported."""

import atexit
import shutil
import tempfile
from pathlib import Path

from rails.telemetry.settings import TelemetrySettings, measure_together


def measure_worker() -> None:
    """Have a worker and the processes it forks be measured as one, from when it is ready."""
    folder = None
    if TelemetrySettings().metrics_port:
        folder = Path(tempfile.mkdtemp(prefix="pennyrail-measures-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        measure_together(folder)
    from workers import telemetry

    telemetry.measure_when_ready(folder)


def measure_clock() -> None:
    """Have the clock be measured from now on."""
    from rails.telemetry import listener

    listener.count_problems()
    listener.open_to_prometheus(TelemetrySettings())
