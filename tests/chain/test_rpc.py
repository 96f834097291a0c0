"""What the JSON-RPC client makes of a network and a node that misbehave."""

import gzip
import socket
import time
from collections.abc import Callable

import msgspec
import pytest

from rails.chain import errors
from rails.chain.rpc import Rpc, quantity
from tests.chain import faulty_node
from tests.chain.fakes import CHAIN_ID
from tests.chain.faulty_node import RESET, Piece, Script, refusal, result, whole

TEXT = msgspec.json.Decoder(str)
MAYBE_TEXT = msgspec.json.Decoder(str | None)
HTML = b"<html><body>Sign in to continue</body></html>"
Question = dict[str, object]


def ask(script: Script, *, deadline_seconds: float = 5) -> str:
    with (
        faulty_node.listening(script) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID, deadline_seconds=deadline_seconds) as rpc,
    ):
        return rpc.call("eth_gasPrice", [], answer=TEXT)


def test_an_answer_to_the_question_is_returned() -> None:
    assert ask(lambda question: whole(result(question, "0x2a"))) == "0x2a"


def test_an_answer_in_gzip_is_unpacked() -> None:
    def zipped(question: Question) -> list[Piece]:
        body = gzip.compress(msgspec.json.encode(result(question, "0x2a")))
        return whole(body, headers="Content-Encoding: gzip\r\n")

    assert ask(zipped) == "0x2a"


def test_an_answer_without_a_length_is_read_to_the_end_of_the_connection() -> None:
    def until_closed(question: Question) -> list[Piece]:
        return [
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
            msgspec.json.encode(result(question, "0x2a")),
        ]

    assert ask(until_closed) == "0x2a"


def test_an_answer_in_chunks_is_put_together() -> None:
    def chunked(question: Question) -> list[Piece]:
        body = msgspec.json.encode(result(question, "0x2a"))
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return [head, b"5\r\n" + body[:5] + b"\r\n", b"%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n"]

    assert ask(chunked) == "0x2a"


FAULTS: dict[str, tuple[Callable[[Question], list[Piece]], type[errors.RpcError]]] = {
    "reset before the answer": (lambda _: [RESET, b""], errors.RpcUnreachable),
    "closed before the answer": (lambda _: [b"", b""], errors.RpcUnreachable),
    "reset within the answer": (
        lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", RESET],
        errors.RpcUnreachable,
    ),
    "body ends early": (
        lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b'{"jsonrpc'],
        errors.RpcUnreachable,
    ),
    "chunks end early": (
        lambda _: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b'ff\r\n{"jsonrpc'],
        errors.RpcUnreachable,
    ),
    "another question's answer": (
        lambda _: whole({"jsonrpc": "2.0", "id": 0, "result": "0x2a"}),
        errors.BadAnswer,
    ),
    "the id as text": (
        lambda question: whole({"jsonrpc": "2.0", "id": str(question["id"]), "result": "0x2a"}),
        errors.BadAnswer,
    ),
    "no id": (lambda _: whole({"jsonrpc": "2.0", "result": "0x2a"}), errors.BadAnswer),
    "null": (lambda question: whole(result(question, None)), errors.BadAnswer),
    "another type": (lambda question: whole(result(question, 42)), errors.BadAnswer),
    "neither result nor error": (
        lambda question: whole({"jsonrpc": "2.0", "id": question["id"]}),
        errors.BadAnswer,
    ),
    "result and error": (
        lambda question: whole(result(question, "0x2a") | refusal(question, "header not found")),
        errors.BadAnswer,
    ),
    "a refusal of another question": (
        lambda question: whole(refusal(question | {"id": 77}, "header not found")),
        errors.BadAnswer,
    ),
    "a page of HTML": (lambda _: whole(HTML), errors.BadAnswer),
    "an array": (lambda question: whole([result(question, "0x2a")]), errors.BadAnswer),
    "broken gzip": (
        lambda _: whole(b"not gzip", headers="Content-Encoding: gzip\r\n"),
        errors.BadAnswer,
    ),
    "a redirect": (
        lambda _: whole(b"", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n"),
        errors.RpcRefused,
    ),
    "500 with HTML": (lambda _: whole(HTML, status="503 Unavailable"), errors.RpcUnreachable),
    "500 with a result": (
        lambda question: whole(result(question, "0x2a"), status="500 Oops"),
        errors.RpcUnreachable,
    ),
    "400 with a JSON reason": (
        lambda question: whole(
            refusal(question, "exceed max addresses or topics per search position"), status="400 Bad Request"
        ),
        errors.TooManyAddresses,
    ),
    "401": (lambda _: whole(b"who are you", status="401 Unauthorized"), errors.RpcRefused),
    "a definite no": (lambda question: whole(refusal(question, "method not found")), errors.RpcRefused),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_becomes_an_error_that_says_what_to_do(fault: str) -> None:
    script, expected = FAULTS[fault]

    with pytest.raises(errors.RpcError) as caught:
        ask(script)

    assert caught.value.code == expected.code, caught.value


def test_null_is_an_answer_where_the_question_allows_it() -> None:
    with (
        faulty_node.listening(lambda question: whole(result(question, None))) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID) as rpc,
    ):
        assert rpc.call("eth_getBlockByNumber", [], answer=MAYBE_TEXT) is None


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

    with Rpc(url, expect_chain_id=CHAIN_ID) as rpc, pytest.raises(errors.RpcUnreachable):
        rpc.call("eth_gasPrice", [], answer=TEXT)


DRIPS: dict[str, list[Piece]] = {
    "body": [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x", 0.1] * 30],
    "chunk size": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"0", 0.1] * 30],
    "headers": [b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"x", 0.1] * 30],
    "silence": [3.0, b""],
}


@pytest.mark.parametrize("part", DRIPS)
def test_an_answer_that_drips_is_cut_at_the_deadline(part: str) -> None:
    began_at = time.monotonic()

    with pytest.raises(errors.RpcUnreachable, match="deadline"):
        ask(lambda _: DRIPS[part], deadline_seconds=0.4)

    assert time.monotonic() - began_at < 5.5


def test_the_deadline_is_kept_to_a_tenth_of_a_second() -> None:
    with (
        faulty_node.listening(lambda _: DRIPS["body"]) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID, deadline_seconds=0.4) as rpc,
    ):
        began_at = time.monotonic()
        with pytest.raises(errors.RpcUnreachable):
            rpc.call("eth_gasPrice", [], answer=TEXT)

        assert 0.35 < time.monotonic() - began_at < 0.7


def test_a_rate_limit_carries_the_pause_that_was_asked_for() -> None:
    def limited(question: Question) -> list[Piece]:
        return whole(b"slow down", status="429 Too Many Requests", headers="Retry-After: 7\r\n")

    with pytest.raises(errors.RateLimited) as caught:
        ask(limited)

    assert caught.value.retry_after_seconds == 7


def test_a_pause_until_a_moment_is_measured_on_the_servers_clock() -> None:
    headers = "Retry-After: Sat, 01 Aug 2026 12:00:30 GMT\r\nDate: Sat, 01 Aug 2026 12:00:00 GMT\r\n"

    with pytest.raises(errors.RateLimited) as caught:
        ask(lambda _: whole(b"{}", status="429 Too Many Requests", headers=headers))

    assert caught.value.retry_after_seconds == 30


def test_another_chain_is_refused_before_any_question() -> None:
    with (
        faulty_node.listening(lambda question: whole(result(question, "0x1")), chain_id="0x1") as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID) as rpc,
    ):
        with pytest.raises(errors.WrongChain, match="chain 1, not 8453"):
            rpc.call("eth_gasPrice", [], answer=TEXT)

        assert [question["method"] for question in node.questions] == ["eth_chainId"]


def test_one_connection_serves_many_calls_and_tells_its_chain_once() -> None:
    with (
        faulty_node.listening(lambda question: whole(result(question, "0x2a"))) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID) as rpc,
    ):
        for _ in range(3):
            rpc.call("eth_gasPrice", [], answer=TEXT)

        assert node.connections == 1
        methods = [question["method"] for question in node.questions]
        assert methods == ["eth_chainId", "eth_gasPrice", "eth_gasPrice", "eth_gasPrice"]


def test_a_kept_connection_that_was_dropped_is_replaced_and_asked_for_its_chain_again() -> None:
    def one_answer_each(question: Question) -> list[Piece]:
        return [*whole(result(question, "0x2a")), b""]

    with (
        faulty_node.listening(one_answer_each) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID) as rpc,
    ):
        answers = [rpc.call("eth_gasPrice", [], answer=TEXT) for _ in range(3)]

        assert answers == ["0x2a", "0x2a", "0x2a"]
        assert node.connections == 3
        assert sum(question["method"] == "eth_chainId" for question in node.questions) == 3


def test_the_answer_after_a_cut_one_belongs_to_its_own_question() -> None:
    slow = True

    def first_late(question: Question) -> list[Piece]:
        return [0.5, *whole(result(question, "0xdead"))] if slow else whole(result(question, "0x2a"))

    with (
        faulty_node.listening(first_late) as node,
        Rpc(node.url, expect_chain_id=CHAIN_ID, deadline_seconds=0.3) as rpc,
    ):
        with pytest.raises(errors.RpcUnreachable):
            rpc.call("eth_gasPrice", [], answer=TEXT)
        slow = False
        time.sleep(0.4)

        assert rpc.call("eth_gasPrice", [], answer=TEXT) == "0x2a"


def test_no_secret_of_the_url_reaches_a_message() -> None:
    def repeats_the_key(question: Question) -> list[Piece]:
        return whole(refusal(question, "key s3cr3t-path is over quota, ask user-1 of s3cr3t-query"))

    with faulty_node.listening(repeats_the_key) as node:
        url = node.url.replace("http://", "http://user-1:s3cr3t-pass@") + "/v2/s3cr3t-path?key=s3cr3t-query"
        with Rpc(url, expect_chain_id=CHAIN_ID) as rpc, pytest.raises(errors.RateLimited) as caught:
            rpc.call("eth_gasPrice", [], answer=TEXT)

    told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {rpc!r}"
    assert "s3cr3t" not in told
    assert "user-1" not in told


@pytest.mark.parametrize("place", ["id", "message"])
def test_what_a_node_says_is_one_short_line_without_secrets_wherever_it_stands(place: str) -> None:
    said = "key%2Fs3cr3t or key/s3cr3t\nERROR made up\x1b[2J" + "x" * 5000

    def repeats_the_key(question: Question) -> list[Piece]:
        if place == "message":
            return whole(refusal(question, said))
        return whole({"jsonrpc": "2.0", "id": said, "result": "0x1"})

    with faulty_node.listening(repeats_the_key) as node:
        url = f"{node.url}/v2/key%2Fs3cr3t"
        with Rpc(url, expect_chain_id=CHAIN_ID) as rpc, pytest.raises(errors.RpcError) as caught:
            rpc.call("eth_gasPrice", [], answer=TEXT)

    told = str(caught.value)
    assert "s3cr3t" not in told
    assert told.isprintable()
    assert len(told) < 700


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://", "127.0.0.1:8545"])
def test_a_url_that_cannot_be_asked_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="RPC URL"):
        Rpc(url, expect_chain_id=CHAIN_ID)


@pytest.mark.parametrize("text", ["", "0x", "12", "0x1g", "0x_1", "-0x1", "0x 1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(errors.BadAnswer):
        quantity(text)
