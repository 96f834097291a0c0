"""How connections are kept: nobody holds one by being slow, and the idlest makes room when all are taken."""

import asyncio
import json
from typing import ClassVar, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app import envelope, http_errors
from app.settings import ConnectionSettings

_RETRY_AFTER_SECONDS: Final = 5


class Patient(HttpToolsProtocol):
    """One connection. Its patience ends if a head, a body or a reader takes too long, or a head is too big.

    A connection is idle while no request of it is being answered and none of which the head is complete.
    """

    settings: ClassVar[ConnectionSettings]
    command: ClassVar[str]
    idle: ClassVar[dict["Patient", None]]
    """Those that are idle, whoever is so longest first."""

    _timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _receiving = False
    """Whether a head is complete, and its body not."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.settings.most and not self._make_room():
            self._refuse("SERVICE_UNAVAILABLE", {"retry_after_seconds": _RETRY_AFTER_SECONDS})
            return
        self.idle[self] = None
        self._wait_for(self.settings.head_seconds)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.idle.pop(self, None)
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self not in self.idle or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.settings.head_max_bytes:
            self._refuse("REQUEST_HEAD_TOO_LARGE", {})
        elif self._timer is None:
            self._wait_for(self.settings.head_seconds)

    @override
    def on_headers_complete(self) -> None:
        self.idle.pop(self, None)
        self._receiving, self._head_bytes = True, 0
        self._wait_for(self.settings.body_seconds)
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._receiving = False
        self._stop_waiting()
        self._rest()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._rest()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_timer = self.loop.call_later(self.settings.unread_seconds, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        super().resume_writing()

    @override
    def timeout_keep_alive_handler(self) -> None:
        # Not close(), which would wait for whoever does not read what was sent.
        self.transport.abort()

    def _rest(self) -> None:
        if not self._receiving and self.cycle.response_complete and not self.transport.is_closing():
            self.idle[self] = None

    def _make_room(self) -> bool:
        idlest = next(iter(self.idle), None)
        if idlest is None:
            return False
        del self.idle[idlest]
        idlest.transport.abort()
        return True

    def _wait_for(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        answered = self._receiving and self.cycle.response_started
        silent = not self._receiving and not self._head_bytes
        if answered or silent:
            self.transport.abort()
        else:
            self._refuse("REQUEST_TIMEOUT", {})

    def _refuse(self, code: str, recovery: envelope.Fields) -> None:
        """Answer what no door has seen, and hang up."""
        self.idle.pop(self, None)
        self._stop_waiting()
        self.transport.write(_reply(code, recovery, self.command))
        self.transport.close()
        # Whoever does not read does not hold it either.
        self._unread_timer = self.loop.call_later(self.settings.unread_seconds, self.transport.abort)


def patient(settings: ConnectionSettings, *, client_command: str) -> type[asyncio.Protocol]:
    """The protocol of a server under these settings, for uvicorn's `http`."""
    given = {"settings": settings, "command": f"{client_command} api", "idle": {}}
    return type("PatientHere", (Patient,), given)


def _reply(code: str, recovery: envelope.Fields, command: str) -> bytes:
    status = http_errors.STATUS[code]
    told = {"code": code, "message": status.message, "retryable": status.retryable, "recovery": recovery}
    body = json.dumps(
        {
            "ok": False,
            "command": command,
            "trace_id": envelope.new_trace_id(),
            "actor": None,
            "data": None,
            "warnings": [],
            "error": told,
        }
    ).encode()
    seconds = recovery.get("retry_after_seconds")
    lines = [
        "content-type: application/json",
        "cache-control: no-store",
        "connection: close",
        f"content-length: {len(body)}",
        f"{envelope.EXIT_CODE_HEADER}: {status.exit_code}",
        *([f"retry-after: {seconds}"] if seconds is not None else []),
    ]
    return STATUS_LINE[status.http] + "\r\n".join([*lines, "", ""]).encode() + body
