"""One HTTP POST over a kept connection, cut at a deadline that counts the whole exchange.

Timeouts of HTTP libraries restart with every byte that arrives, so a body that drips is never cut. Here
each read is given only what is left of the deadline.
"""

import http.client
import io
import socket
import ssl
import time
import zlib
from dataclasses import dataclass
from urllib.parse import SplitResult

from typing_extensions import Buffer, override

from rails.chain.errors import BadAnswer, RangeTooLarge, RpcUnreachable

MAX_BODY_BYTES = 192 * 1024 * 1024
READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever the status."""

    status: int
    body: bytes
    retry_after: str | None
    date: str | None


class Stale(RpcUnreachable):
    """A connection that had served before was dropped by the other side."""


class Wire:
    """A kept connection to one endpoint. One thread at a time."""

    def __init__(self, url: SplitResult, *, origin: str) -> None:
        assert url.hostname is not None
        self._url = url
        self._origin = origin
        self._connection: http.client.HTTPConnection | None = None
        self._deadline = 0.0
        self._served = False

    @property
    def connected(self) -> bool:
        """Whether a connection is kept; the next post opens one if not."""
        return self._connection is not None

    def open(self, *, deadline: float) -> None:
        """Connect anew. `deadline` is a moment of time.monotonic().

        raises: RpcUnreachable
        """
        self.close()
        self._deadline = deadline
        try:
            connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port)
            # By itself it would connect again without TLS and without our deadline.
            connection.auto_open = 0
            connection.sock = _Deadlined(self._dial(), self)
        except (OSError, ValueError) as error:
            raise RpcUnreachable(f"{self._origin}: {_reason(error)}") from None
        self._connection = connection
        self._served = False

    def post(self, body: bytes, *, headers: dict[str, str], deadline: float) -> Answer:
        """Send `body` and read the whole answer.

        raises: RpcUnreachable (Stale if it may be worth a new connection), RangeTooLarge for a body beyond
        MAX_BODY_BYTES, BadAnswer for a bad encoding
        """
        connection = self._connection
        assert connection is not None, "open() comes first"
        self._deadline = deadline
        # Until the answer is read whole, the connection must not serve another question.
        self._connection = None
        try:
            connection.request("POST", self._target(), body, headers)
            with connection.getresponse() as response:
                answer = _read(response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            dropped = self._served and isinstance(error, (ConnectionError, http.client.RemoteDisconnected))
            # Without the cause: its text may carry the request's path, and with it an API key.
            raise (Stale if dropped else RpcUnreachable)(f"{self._origin}: {_reason(error)}") from None
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            self._connection, self._served = connection, True
        return answer

    def close(self) -> None:
        """Drop the connection, if any."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def remaining_seconds(self) -> float:
        """What is left of the current deadline.

        raises: TimeoutError
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        return left

    def _dial(self) -> socket.socket:
        host = self._url.hostname or ""
        secure = self._url.scheme == "https"
        port = self._url.port or (443 if secure else 80)
        plain = socket.create_connection((host, port), timeout=self.remaining_seconds())
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not secure:
            return plain
        try:
            plain.settimeout(self.remaining_seconds())
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _target(self) -> str:
        path = self._url.path or "/"
        return f"{path}?{self._url.query}" if self._url.query else path


class _Deadlined:
    """The part of a socket that http.client uses, every operation within the wire's deadline."""

    def __init__(self, plain: socket.socket, wire: Wire) -> None:
        self._plain = plain
        self._wire = wire
        self._reading = False
        self._closing = False

    def sendall(self, data: Buffer) -> None:
        self._plain.settimeout(self._wire.remaining_seconds())
        self._plain.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        self._reading = True
        return io.BufferedReader(_Reader(self._plain, self._wire, self), READ_BYTES)

    def close(self) -> None:
        # http.client lets go of a socket that the other side will close before its body is read.
        if not self._reading:
            self._plain.close()
        self._closing = True

    def done(self) -> None:
        self._reading = False
        if self._closing:
            self._plain.close()


class _Reader(io.RawIOBase):
    def __init__(self, plain: socket.socket, wire: Wire, socket_of: _Deadlined) -> None:
        self._plain = plain
        self._wire = wire
        self._socket_of = socket_of

    @override
    def close(self) -> None:
        if not self.closed:
            self._socket_of.done()
        super().close()

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        self._plain.settimeout(self._wire.remaining_seconds())
        return self._plain.recv_into(memoryview(buffer))


def _read(response: http.client.HTTPResponse) -> Answer:
    pieces, size = [], 0
    while piece := response.read(READ_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise RangeTooLarge(f"response too large: more than {MAX_BODY_BYTES} bytes")
    if response.length:
        # A read in pieces reports the early end of a body of known length as its ordinary end.
        raise http.client.IncompleteRead(b"", response.length)
    body = b"".join(pieces)
    if response.headers.get("Content-Encoding", "identity") == "gzip":
        body = _unzip(body)
    return Answer(
        status=response.status,
        body=body,
        retry_after=response.headers.get("Retry-After"),
        date=response.headers.get("Date"),
    )


def _unzip(body: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(body, MAX_BODY_BYTES)
    except zlib.error:
        raise BadAnswer("the body is not the gzip it claims to be") from None
    if unzip.unconsumed_tail:
        raise RangeTooLarge(f"response too large: more than {MAX_BODY_BYTES} bytes unpacked")
    if not unzip.eof:
        raise BadAnswer("the gzip body ends early")
    return plain


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no whole answer before the deadline"
    return type(error).__name__
