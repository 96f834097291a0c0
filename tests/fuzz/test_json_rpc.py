"""Whatever a node answers: a value of the type that was asked for, or an error of the tree."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rails.chain import bloom, node, refusals, transfers
from rails.chain.errors import ChainError
from rails.chain.rpc import Rpc, quantity
from rails.chain.settings import BASE_USDC
from tests.chain import faulty_node
from tests.chain.fakes import CHAIN_ID
from tests.chain.faulty_node import Piece
from tests.fuzz import corpus

ANSWERS = corpus.cases("json_rpc")
LOGS = corpus.cases("logs")
RECIPIENT = "0x" + "22" * 20
TEXT = msgspec.json.Decoder(str)
VALUES_MOST = 2**256


@dataclass
class Said:
    """What the node answers to whatever it is asked."""

    url: str = ""
    body: bytes = b""
    status: str = "200 OK"
    headers: str = ""

    def __call__(self, question: dict[str, object]) -> list[Piece]:
        return faulty_node.whole(
            self.body.replace(b"ID", str(question["id"]).encode()), status=self.status, headers=self.headers
        )


@pytest.fixture(scope="module")
def said() -> Iterator[Said]:
    answer = Said()
    with faulty_node.listening(answer) as listening:
        answer.url = listening.url
        yield answer


def ask(said: Said) -> str | None:
    """The result, None if the call failed as a caller expects it."""
    try:
        with Rpc(said.url, expect_chain_id=CHAIN_ID, deadline_seconds=5) as rpc:
            return rpc.call("eth_gasPrice", [], answer=TEXT)
    except ChainError as error:
        told = str(error)
    assert told.isprintable()
    return None


@pytest.mark.parametrize("why", ANSWERS)
def test_a_kept_answer_is_read_or_refused(said: Said, why: str) -> None:
    said.body, said.status, said.headers = ANSWERS[why], "200 OK", ""

    found = ask(said)

    assert (found is not None) == (why in READABLE)


READABLE = {"an answer", "a quantity of many digits", "the same name twice"}


@pytest.mark.parametrize("why", ANSWERS)
def test_a_kept_answer_about_the_chain_or_a_block_is_refused_too(said: Said, why: str) -> None:
    def everything(question: dict[str, object]) -> list[Piece]:
        return faulty_node.whole(ANSWERS[why].replace(b"ID", str(question["id"]).encode()))

    with (
        faulty_node.listening(everything, chain_id=why) as listening,
        Rpc(listening.url, expect_chain_id=CHAIN_ID, deadline_seconds=5) as rpc,
        pytest.raises(ChainError),
    ):
        node.heads(rpc)


@corpus.PLAYED
@given(body=corpus.mutated("json_rpc"), status=st.sampled_from(["200 OK", "429 No", "503 Away", "404 Not"]))
def test_no_answer_breaks_the_client(said: Said, body: bytes, status: str) -> None:
    said.body, said.status, said.headers = body, status, ""

    found = ask(said)

    assert found is None or status == "200 OK"


@corpus.PLAYED
@given(
    wait=st.one_of(st.text(max_size=60), st.from_regex(r"\d{1,400}", fullmatch=True)),
    date=st.text(max_size=60),
)
def test_no_wish_for_a_pause_breaks_the_client(wait: str, date: str) -> None:
    pause = refusals.pause(wait, date=date)

    assert pause is None or 0 <= pause < float("inf")


@pytest.mark.parametrize(
    ("wait", "date", "pause"),
    [
        ("7", None, 7),
        ("\u00b2", None, None),
        ("9" * 400, None, None),
        ("Sun, 22 Nov 2026 12:00:07 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 7),
        # -0000 is a time of no zone: it cannot be compared with one that has one.
        ("Sun, 22 Nov 2026 12:00:07 -0000", "Sun, 22 Nov 2026 12:00:00 GMT", 7),
        ("Sun, 22 Nov 99999 12:00:07 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:07 +9999999999", "Sun, 22 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_a_wish_for_a_pause_is_read_or_left(wait: str, date: str | None, pause: float | None) -> None:
    assert refusals.pause(wait, date=date) == pause


@corpus.PLAYED
@given(st.one_of(st.text(), st.from_regex(r"0x[0-9a-fA-F]{1,80}", fullmatch=True)))
def test_a_quantity_is_a_number_or_refused(text: str) -> None:
    try:
        found = quantity(text)
    except ChainError:
        return

    assert hex(found) == "0x" + (text[2:].lower().lstrip("0") or "0")


def test_a_chain_of_many_digits_is_another_chain() -> None:
    with (
        faulty_node.listening(lambda _: [], chain_id="0x" + "f" * 9000) as listening,
        Rpc(listening.url, expect_chain_id=CHAIN_ID, deadline_seconds=5) as rpc,
        pytest.raises(ChainError),
    ):
        rpc.call("eth_gasPrice", [], answer=TEXT)


def decode(body: bytes) -> tuple[transfers.Transfer, ...]:
    """The transfers to us in these logs; nothing if they are refused as a watcher expects it."""
    try:
        logs = transfers.LOGS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # As the client refuses them, see above.
        return ()
    try:
        return transfers.decode(
            logs, token=BASE_USDC, from_block=1, to_block=100, recipients=[RECIPIENT]
        ).transfers
    except ChainError:
        return ()


def check(found: tuple[transfers.Transfer, ...]) -> None:
    for each in found:
        assert (each.token, each.recipient) == (BASE_USDC, RECIPIENT)
        assert 1 <= each.block_number <= 100
        assert 0 <= each.units < VALUES_MOST
        assert each.log_index >= 0
    assert len({(each.block_hash, each.log_index) for each in found}) == len(found)


@corpus.PLAYED
@given(st.one_of(st.text(max_size=20), st.text("0123456789abcdefxg_ ", min_size=514, max_size=514)))
def test_no_bloom_breaks_its_reader(told: str) -> None:
    assert bloom.may_hold(told, [(BASE_USDC,)]) in (True, False)


@pytest.mark.parametrize("letter", ["g", "_", "\u0665"])
def test_a_bloom_of_other_letters_is_none(letter: str) -> None:
    assert not bloom.may_hold("0x" + letter * 512, [(BASE_USDC,)])
    assert bloom.may_hold("0x" + "f" * 512, [(BASE_USDC,)])


@pytest.mark.parametrize("why", LOGS)
def test_kept_logs_pay_what_they_say_or_nothing(why: str) -> None:
    found = decode(LOGS[why])

    check(found)
    paid = {"a transfer": 5, "capitals": 5, "the same twice": 5, "the largest value": VALUES_MOST - 1}
    assert sum(each.units for each in found) == paid.get(why, 0)


@corpus.PLAYED
@given(corpus.mutated("logs"))
def test_no_logs_break_the_decoder_or_pay_somebody_else(body: bytes) -> None:
    check(decode(body))
