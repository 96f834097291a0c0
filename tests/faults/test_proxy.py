"""The proxy does to connections what it says, and nothing when it is well."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults import proxy
from tests.faults.proxy import Proxy

QUIET_SECONDS = 0.3


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def between(echo: int) -> Iterator[Proxy]:
    """A proxy before that server."""
    with proxy.network(1) as network:
        yield network.before(("127.0.0.1", echo))


def test_a_proxy_that_is_well_passes_everything_on(between: Proxy) -> None:
    with _connected(between) as client:
        assert _said(client, b"one") == b"one"
        assert _said(client, b"two") == b"two"


def test_a_cut_ends_connections_and_new_ones_are_served(between: Proxy) -> None:
    with _connected(between) as client:
        assert _said(client, b"one") == b"one"

        between.cut()

        with pytest.raises(ConnectionResetError):
            _said(client, b"two")
    with _connected(between) as client:
        assert _said(client, b"three") == b"three"


def test_what_is_swallowed_arrives_after_the_healing(between: Proxy) -> None:
    with _connected(between) as client:
        assert _said(client, b"one") == b"one"
        between.swallow()
        client.settimeout(QUIET_SECONDS)

        with pytest.raises(TimeoutError):
            _said(client, b"two")
        between.heal()

        client.settimeout(10)
        assert client.recv(100) == b"two"


def test_who_is_doomed_is_cut_at_the_next_piece(between: Proxy) -> None:
    with _connected(between) as client:
        assert _said(client, b"one") == b"one"

        between.doom(1)

        with pytest.raises(ConnectionResetError):
            _said(client, b"two")


def _connected(between: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", between.port), timeout=10)


def _said(client: socket.socket, what: bytes) -> bytes:
    """The answer to these bytes. An end without a reset counts as one: it depends on who was faster."""
    client.sendall(what)
    heard = client.recv(100)
    if not heard:
        raise ConnectionResetError
    return heard


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while heard := connection.recv(100):
                connection.sendall(heard)
        except OSError:
            return
