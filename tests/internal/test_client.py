"""The client against the running door."""

import json
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pennyrail_client import (
    Client,
    Conflict,
    HoldGone,
    InsufficientCredits,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Unavailable,
)
from tests.internal.conftest import Home


@pytest.fixture
def client(home: Home) -> Iterator[Client]:
    with Client(home.url, home.service().token) as opened:
        yield opened


def test_a_hold_is_captured_in_part(home: Home, client: Client) -> None:
    agent_id = home.agent(bought=100)

    with client.hold(agent_id=agent_id, credits=10, job_id="j") as hold:
        hold.start()
        captured = hold.capture(credits=3)

    assert (captured.credits, captured.released, captured.balance.available) == (3, 7, 97)


def test_a_block_that_raises_before_the_start_lets_its_hold_go(home: Home, client: Client) -> None:
    agent_id = home.agent(bought=100)

    with pytest.raises(RuntimeError), client.hold(agent_id=agent_id, credits=10, job_id="j"):
        raise RuntimeError("no provider")

    assert client.balance(agent_id).balance.held == 0


def test_a_block_that_raises_after_the_start_leaves_its_hold(home: Home, client: Client) -> None:
    agent_id = home.agent(bought=100)

    def job() -> None:
        with client.hold(agent_id=agent_id, credits=10, job_id="j") as hold:
            hold.start()
            raise RuntimeError("the provider has not answered")

    with pytest.raises(RuntimeError):
        job()

    [left] = client.balance(agent_id).holds
    assert left.in_flight is True


def test_every_call_is_answered_with_a_value(home: Home, client: Client) -> None:
    agent_id = home.agent(bought=100)

    tried = client.try_debit(agent_id=agent_id, credits=4, job_id="j")
    spent = client.debit(agent_id=agent_id, credits=4, job_id="j", idempotency_key="d")
    again = client.debit(agent_id=agent_id, credits=4, job_id="j", idempotency_key="d")
    back = client.unwind(agent_id=agent_id, spend_key="d")
    given = client.grant(agent_id=agent_id, credits=5)
    released = client.hold(agent_id=agent_id, credits=1, job_id="j").release()
    results = client.batch(
        [
            {"operation": "debit", "agent_id": agent_id, "credits": 1, "job_id": "j"},
            {"operation": "debit", "agent_id": agent_id, "credits": 1000, "job_id": "j"},
        ]
    )
    found, price = client.outcome("d"), client.price_of_cost(Decimal("0.033"))

    assert (tried.dry_run, [lot.credits for lot in tried.lots]) == (True, [4])
    assert (spent.replayed, again.replayed, spent.transaction_id) == (False, True, again.transaction_id)
    assert (back.credits, given.credits, released.operation) == (4, 5, "release")
    assert results[0].done is not None
    assert isinstance(results[1].error, InsufficientCredits)
    assert (found.outcome, found.balance) == ("done", spent.balance)
    assert (price.credits_required, price.estimated_provider_cost_usd) == (5, Decimal("0.033"))
    snapshot = client.balance(agent_id)
    assert (snapshot.free_promotional, snapshot.free_bought) == (4, 100)
    assert client.introspect("isk_r_nobody").active is False


def test_refusals_are_errors_of_their_kind(home: Home, client: Client) -> None:
    agent_id = home.agent(bought=10)
    hold = client.hold(agent_id=agent_id, credits=1, job_id="j", idempotency_key="h")
    hold.release()

    with pytest.raises(InsufficientCredits) as poor:
        client.debit(agent_id=agent_id, credits=100, job_id="j")
    with pytest.raises(Conflict):
        client.hold(agent_id=agent_id, credits=2, job_id="j", idempotency_key="h")
    with pytest.raises(HoldGone):
        hold.capture()
    with pytest.raises(NotFound):
        client.balance("agt_nobody")
    with pytest.raises(InvalidRequest) as wrong:
        client.debit(agent_id=agent_id, credits=0, job_id="j")
    with pytest.raises(NotAllowed), Client(home.url, "isk_svc_wrong") as stranger:
        stranger.balance(agent_id)

    assert poor.value.recovery["available_credits"] == 10
    assert wrong.value.recovery["fields"] == ["credits"]


def test_a_call_that_got_no_answer_is_repeated_with_the_same_key_and_done_once(home: Home) -> None:
    agent_id, token = home.agent(bought=100), home.service().token

    with _loses_the_first_answer(home.url) as url, Client(url, token) as client:
        spent = client.debit(agent_id=agent_id, credits=4, job_id="j")

    assert spent.replayed is True
    assert spent.balance.posted == 96
    assert home.service().balance(agent_id) == (96, 0)


def test_nobody_at_the_door_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(Unavailable), Client(f"http://127.0.0.1:{port}", "t", retries=1) as client:
        client.balance("agt_1")


@pytest.mark.parametrize(
    "answer", [(502, b"<html>"), (504, b"<html>"), (500, b"oops"), (502, b'{"ok": false, "error": "x"}')]
)
def test_a_gateway_without_a_server_is_asked_again_under_one_key(answer: tuple[int, bytes]) -> None:
    asked: list[dict[str, str]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
            return

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_port}", "t", retries=1) as client:
            with pytest.raises(Unavailable) as away:
                client.debit(agent_id="a", credits=1, job_id="j")
            with pytest.raises(Unavailable) as batch:
                client.batch([{"operation": "debit"}, {"operation": "debit", "idempotency_key": "mine"}])
        server.shutdown()

    single = [each["idempotency_key"] for each in asked[:2]]
    assert away.value.retryable is True
    assert single == [away.value.idempotency_key] * 2
    assert batch.value.idempotency_keys[1:] == ("mine",)
    assert batch.value.idempotency_key is None
    assert len(asked) == 4


class _loses_the_first_answer:  # noqa: N801
    """A way to a server that passes the first request on, and loses its answer."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        for lost in (True, False):
            caller, _ = self._listening.accept()
            with caller, socket.create_connection((self._host, self._port)) as server:
                server.sendall(self._whole(caller))
                answer = self._whole(server)
                if not lost:
                    caller.sendall(answer)

    @staticmethod
    def _whole(sender: socket.socket) -> bytes:
        given = b""
        while b"\r\n\r\n" not in given:
            given += sender.recv(65_536)
        head, _, body = given.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += sender.recv(65_536)
        return head + b"\r\n\r\n" + body
