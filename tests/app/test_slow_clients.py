"""Slow clients, over real sockets: they are told off or cut, and others are served all the while."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request

from app import slow_clients
from app.settings import ConnectionSettings
from tests.waiting import eventually

HEAD = b"POST /echo HTTP/1.1\r\nhost: 127.0.0.1\r\n"


def echoing() -> FastAPI:
    """What reads a body and says how long it was; what says too much for any buffer."""
    app = FastAPI(openapi_url=None)

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/flood")
    async def flood() -> dict[str, str]:
        return {"much": "x" * 30_000_000}

    return app


@contextmanager
def served(**limits: Any) -> Iterator[tuple[tuple[str, int], uvicorn.Server]]:
    """The address of a server that listens as `pennyrail api` does, under these limits, and itself."""
    # What a test does not ask about must not end it on a slow machine.
    patient: dict[str, Any] = dict.fromkeys(("head_seconds", "body_seconds", "unread_seconds"), 300)
    settings = ConnectionSettings(**{**patient, **limits})
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        echoing(),
        http=slow_clients.patient(settings, client_command="image-skill"),
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=settings.idle_seconds,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    try:
        yield listening.getsockname(), server
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        listening.close()


def held(server: uvicorn.Server) -> int:
    return len(server.server_state.connections)


def said_before_the_end(client: socket.socket) -> bytes:
    """What the server says until it hangs up."""
    said = b""
    client.settimeout(60)
    with suppress(ConnectionResetError):
        while chunk := client.recv(65_536):
            said += chunk
    return said


def refusal(said: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the envelope of a reply; its headers are as the contract wants them."""
    head, _, body = said.partition(b"\r\n\r\n")
    told: dict[str, Any] = json.loads(body)
    assert told["ok"] is False
    assert told["warnings"] == []
    assert told["command"] == "image-skill api"
    assert b"\r\nconnection: close" in head
    assert b"\r\nx-image-skill-exit-code: " in head
    return int(head.split()[1]), told["error"]


def fine(address: tuple[str, int]) -> bool:
    """Whether somebody else is served."""
    url = f"http://{address[0]}:{address[1]}/echo"
    return httpx.post(url, content=b"12345", timeout=60, trust_env=False).text == '{"bytes":5}'


def dripping(client: socket.socket, drops: bytes, over: threading.Event) -> threading.Thread:
    """Send a byte, again and again, until told or cut off."""

    def drip() -> None:
        with suppress(OSError):
            while not over.wait(0.05):
                client.sendall(drops)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("opening", "drop", "limits"),
    [
        pytest.param(HEAD, b"x: y\r\n", {"head_seconds": 1.5}, id="a head without an end"),
        pytest.param(b"", b"\r\n", {"head_seconds": 1.5}, id="nothing but empty lines"),
        pytest.param(
            HEAD + b"content-length: 100000\r\n\r\n", b"x", {"body_seconds": 1.5}, id="a body byte by byte"
        ),
        pytest.param(
            HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", {"body_seconds": 1.5}, id="chunks"
        ),
    ],
)
def test_who_drips_is_cut_off_in_the_contracts_words_and_others_are_served(
    opening: bytes, drop: bytes, limits: dict[str, float]
) -> None:
    over = threading.Event()
    with served(**limits) as (address, server), socket.create_connection(address) as slow:
        slow.sendall(opening)
        thread = dripping(slow, drop, over)

        assert fine(address)
        said = said_before_the_end(slow)

        over.set()
        thread.join()
        # What was still on its way when the server hung up may take the reply with it.
        if said:
            status, error = refusal(said)
            assert (status, error["code"], error["retryable"]) == (408, "REQUEST_TIMEOUT", True)
        eventually(lambda: held(server) == 0)


def test_an_unfinished_head_is_answered_when_its_time_is_over() -> None:
    with served(head_seconds=0.3) as (address, _), socket.create_connection(address) as slow:
        slow.sendall(HEAD)

        status, error = refusal(said_before_the_end(slow))

        assert (status, error["code"]) == (408, "REQUEST_TIMEOUT")


def test_an_unfinished_body_is_answered_when_its_time_is_over() -> None:
    with served(body_seconds=0.3) as (address, _), socket.create_connection(address) as slow:
        slow.sendall(HEAD + b"content-length: 9\r\n\r\nabc")

        status, error = refusal(said_before_the_end(slow))

        assert (status, error["code"]) == (408, "REQUEST_TIMEOUT")


def test_who_connects_and_says_nothing_is_hung_up_on() -> None:
    with served(head_seconds=0.3) as (address, server), socket.create_connection(address) as silent:
        assert said_before_the_end(silent) == b""

        eventually(lambda: held(server) == 0)


def test_the_next_request_of_a_connection_is_bounded_as_its_first() -> None:
    with served(head_seconds=1.5) as (address, _), socket.create_connection(address) as client:
        client.sendall(HEAD + b"content-length: 2\r\n\r\nok")
        first = client.recv(65_536)
        client.sendall(HEAD)

        status, _ = refusal(said_before_the_end(client))

        assert first.startswith(b"HTTP/1.1 200")
        assert status == 408


def test_a_connection_is_kept_between_requests() -> None:
    with served(head_seconds=1.5, idle_seconds=60) as (address, server):
        url = f"http://{address[0]}:{address[1]}/echo"
        with httpx.Client(timeout=60, trust_env=False) as client:
            for _ in range(2):
                assert client.post(url, content=b"1").json() == {"bytes": 1}
                # Longer than a head may take: nothing of one has come.
                threading.Event().wait(2)
            assert held(server) == 1


def test_who_is_idle_after_a_reply_is_hung_up_on() -> None:
    with served(idle_seconds=1) as (address, server), socket.create_connection(address) as client:
        client.sendall(HEAD + b"content-length: 2\r\n\r\nok")

        assert said_before_the_end(client).startswith(b"HTTP/1.1 200")

        eventually(lambda: held(server) == 0)


@pytest.mark.parametrize("lines", [1, 400])
def test_a_head_that_is_too_large_is_refused(lines: int) -> None:
    with served(head_max_bytes=4096) as (address, _), socket.create_connection(address) as client:
        client.sendall(HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"y" * (20_000 // lines)) for n in range(lines)))

        status, error = refusal(said_before_the_end(client))

        assert (status, error["code"]) == (431, "REQUEST_HEAD_TOO_LARGE")
        assert fine(address)


def test_who_does_not_read_its_reply_is_cut_off() -> None:
    with served(unread_seconds=0.5) as (address, server), socket.create_connection(address) as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        eventually(lambda: held(server) == 1)

        eventually(lambda: held(server) == 0)

        assert fine(address)


def test_when_all_connections_are_taken_the_idlest_makes_room() -> None:
    with served(most=10) as (address, server), ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address)) for _ in range(10)]
        for each in slow:
            each.sendall(HEAD)
        eventually(lambda: held(server) == 10)

        assert all(fine(address) for _ in range(5))

        assert said_before_the_end(slow[0]) == b""
        eventually(lambda: held(server) <= 10)


def test_when_all_are_busy_a_newcomer_is_asked_to_come_back() -> None:
    with served(most=10) as (address, server), ExitStack() as stack:
        busy = [stack.enter_context(socket.create_connection(address)) for _ in range(10)]
        for each in busy:
            each.sendall(HEAD + b"content-length: 2\r\n\r\n")
        eventually(lambda: held(server) == 10 and len(server.server_state.tasks) == 10)

        with socket.create_connection(address) as newcomer:
            status, error = refusal(said_before_the_end(newcomer))
        for each in busy:
            each.sendall(b"ok")

        assert (status, error["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert error["recovery"]["retry_after_seconds"] > 0
        assert all(each.recv(65_536).startswith(b"HTTP/1.1 200") for each in busy)


def test_requests_in_a_row_without_waiting_are_all_answered() -> None:
    with served() as (address, server), socket.create_connection(address) as client:
        client.sendall((HEAD + b"content-length: 2\r\n\r\nok") * 3)
        client.settimeout(60)
        said = b""
        while said.count(b'{"bytes":2}') < 3:
            said += client.recv(65_536)

        assert said.count(b"HTTP/1.1 200") == 3
        assert held(server) == 1
