"""How the API is served: one process of uvicorn, and limits on what a connection may cost."""

import asyncio
import resource
import sys
from typing import Final

import uvicorn

from app import connections
from app.settings import OF_A_PROCESS, ConnectionSettings, DoorSettings, require

# Files, databases, queues: what a process has open besides its connections.
_OTHER_FILES: Final = 256
# The thread that answers everybody waits so long for each of those that work; Python's own 5 ms, times the
# places of app/admission.py, would let it do a few things a second when all are busy.
_SWITCH_SECONDS: Final = 0.0005


def serve(*, host: str, port: int, application: str = "app.main:application") -> None:
    """Serve until told to stop. `application` is where uvicorn finds what makes it.

    raises: SettingsRefused
    """
    require(*OF_A_PROCESS)
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = ConnectionSettings()
    _allow_files(settings.most + _OTHER_FILES)
    uvicorn.run(
        application,
        factory=True,
        host=host,
        port=port,
        http=_protocol(settings),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        # Whose word on addresses counts is a setting of ours; uvicorn would believe anybody on this machine.
        proxy_headers=False,
        timeout_keep_alive=settings.idle_seconds,
    )


def _protocol(settings: ConnectionSettings) -> type[asyncio.Protocol]:
    return connections.patient(settings, client_command=DoorSettings().client_command)


def _allow_files(wanted: int) -> None:
    """Let this process open so many files, if whoever started it allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
