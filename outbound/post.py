"""One request to an endpoint: to exactly the address that was judged, in bounded time, following nothing."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import httpcore

from outbound import addresses
from outbound.addresses import Resolve, Rules, Target
from outbound.errors import BadAnswer, BadTls, NotConnected, TimedOut

MOST_ANSWER_BYTES: Final = 2048
Dial = Callable[[str, int, float], socket.socket]
"""A connection to an address, given as a number and never as a name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said: its status, how long it asks us to wait, and the beginning of its body."""

    status: int
    retry_after: str | None
    body: bytes


def dial(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """A connection to an address."""
    return socket.create_connection((address, port), timeout=timeout_seconds)


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """TLS that believes this machine's authorities. Read once: that takes longer than a look for work."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Post:
    """What it takes to send. Everything has a default but the rules; the rest is for tests."""

    rules: Rules
    timeout_seconds: float = 10
    resolve: Resolve = addresses.resolve
    dial: Dial = dial
    tls: ssl.SSLContext = field(default_factory=trusted)

    def send(self, url: str, *, headers: Mapping[str, str], body: str) -> Answer:
        """Send a body once, over a connection of its own. The name is looked up and judged every time.

        raises: ForbiddenUrl, Undelivered
        """
        target = addresses.target(url, self.rules)
        backend = _Pinned(self, target, time.monotonic() + self.timeout_seconds)
        try:
            with httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool:
                return _exchange(pool, target, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            raise TimedOut("not connected, sent and answered in time") from None
        except ssl.SSLError:
            raise BadTls("no handshake, or a certificate that is not good for the name") from None
        except (httpcore.ProtocolError, httpcore.NetworkError, OSError):
            raise BadAnswer("what came back is not HTTP, or it was cut off") from None


def _exchange(pool: httpcore.ConnectionPool, target: Target, headers: Mapping[str, str], body: str) -> Answer:
    with pool.stream("POST", target.url, headers=list(headers.items()), content=body.encode()) as response:
        said = {name.lower(): value for name, value in response.headers}
        retry_after = said.get(b"retry-after")
        return Answer(
            response.status,
            retry_after.decode("ascii", "replace") if retry_after is not None else None,
            _beginning(response.iter_stream()),
        )


def _beginning(stream: Iterable[bytes]) -> bytes:
    """The first bytes of an answer. Its status is what counts: it need not end, and it may break off."""
    kept = b""
    with suppress(OSError, httpcore.ProtocolError, httpcore.NetworkError, httpcore.TimeoutException):
        for chunk in stream:
            kept += chunk
            if len(kept) >= MOST_ANSWER_BYTES:
                break
    return kept[:MOST_ANSWER_BYTES]


@dataclass(frozen=True, slots=True)
class _Pinned(httpcore.NetworkBackend):
    """Connects to what the name leads to now, if that is allowed, and to nothing else."""

    post: Post
    target: Target
    deadline: float

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """A connection to the first of the addresses that takes one."""
        assert (host.strip("[]"), port) == (self.target.host, self.target.port)
        found = self.post.resolve(self.target.host, port)
        for address in addresses.allowed(found, self.post.rules, secure=self.target.secure):
            try:
                return _Bounded(self.post.dial(address, port, _left(self.deadline)), self.deadline)
            except TimeoutError:
                raise
            except OSError:
                continue
        raise NotConnected("nobody took the connection")


@dataclass(frozen=True, slots=True)
class _Bounded(httpcore.NetworkStream):
    """A connection of which every step has only what is left of the whole time."""

    connection: socket.socket
    deadline: float

    def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        """What came next."""
        self.connection.settimeout(_left(self.deadline))
        return self.connection.recv(max_bytes)

    def write(self, buffer: bytes, *_: Any, **__: Any) -> None:
        """Send all of it."""
        self.connection.settimeout(_left(self.deadline))
        self.connection.sendall(buffer)

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted, with a certificate that is good for the name in the URL."""
        self.connection.settimeout(_left(self.deadline))
        secured = ssl_context.wrap_socket(self.connection, server_hostname=server_hostname)
        return _Bounded(secured, self.deadline)

    def get_extra_info(self, info: str) -> Any:
        """Nothing that the pool would use."""
        return {"socket": None}.get(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
