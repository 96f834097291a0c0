"""The server of the API process: what a connection may cost, and how it ends.

It ends in order: unready, then deaf, then done, and exits with 0.
"""

import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from app import live, slow_clients
from app.draining import Draining
from app.settings import ConnectionSettings, DoorSettings
from workers.settings import DrainSettings

# Files, databases, queues: what a process has open besides its connections.
_OTHER_FILES: Final = 256
# The thread that answers everybody waits so long for each of those that work; Python's own 5 ms, times the
# places of app/admission.py, would let it do a few things a second when all are busy.
_SWITCH_SECONDS: Final = 0.0005


def serve(application: Callable[[Draining], FastAPI], drain: DrainSettings, *, host: str, port: int) -> None:
    """Serve until a signal, and then until what is under way has ended or its time is over.

    Exits with 3 if the application did not start.

    raises: SettingsRefused
    """
    live.require()
    sys.setswitchinterval(_SWITCH_SECONDS)
    draining, settings = Draining(), ConnectionSettings()
    _allow_files(settings.most + _OTHER_FILES)
    config = uvicorn.Config(
        lambda: application(draining),
        factory=True,
        host=host,
        port=port,
        http=slow_clients.patient(settings, client_command=DoorSettings().client_command),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        # Whose word on addresses counts is a setting of ours; uvicorn would believe anybody on this machine.
        proxy_headers=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=drain.finish_seconds,
    )
    server = _Server(config, draining, linger_seconds=drain.linger_seconds)
    # Ctrl-C is raised once more after everything has ended.
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)


def _allow_files(wanted: int) -> None:
    """Let this process open so many files, if whoever started it allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, draining: Draining, *, linger_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._linger_seconds = linger_seconds

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end. Ctrl-C and a second signal do not linger."""
        again = self._draining.under_way
        self._draining.begin()
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif again:
            self.should_exit = True

    @override
    async def on_tick(self, counter: int) -> bool:
        """Whether to stop listening: only after balancers had the time to see that we are not ready."""
        lingered = self._draining.under_way and self._draining.seconds >= self._linger_seconds
        return await super().on_tick(counter) or lingered
