"""What a network, a provider and a node do to answers; each is a fault for the proxy."""

import random
from collections.abc import Callable, Sequence

from tests.chain import fault_proxy
from tests.chain.fault_proxy import Fault, Node, Question, Reply
from tests.chain.faulty_node import RESET, Piece, refusal, result, whole

Row = dict[str, object]
HTML = b"<html><body>Sign in to continue</body></html>"
LOOK_ALIKE = "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"


def answers(
    change: Callable[[Question, Reply], object], *, status: str = "200 OK", headers: str = ""
) -> Fault:
    """Ask the node, and say something made of its answer."""

    def fault(question: Question, ask: Node) -> Sequence[Piece]:
        return whole(change(question, ask(question)), status=status, headers=headers)

    return fault


def refuses(text: str, *, code: int = -32602, status: str = "200 OK", headers: str = "") -> Fault:
    """Refuse in these words."""
    return lambda question, _: whole(refusal(question, text, code=code), status=status, headers=headers)


def page(status: str, body: bytes = HTML, headers: str = "") -> Fault:
    """Answer with a page instead of JSON-RPC."""
    return lambda *_: whole(body, status=status, headers=headers)


def of_rows(change: Callable[[list[Row]], list[Row]]) -> Fault:
    """Change the rows of eth_getLogs; other answers stay as they are."""

    def changed(question: Question, reply: Reply) -> Reply:
        if question["method"] != "eth_getLogs" or "result" not in reply:
            return reply
        return reply | {"result": change(fault_proxy.rows(reply))}

    return answers(changed)


def refuses_ranges_above(blocks: int, text: str, *, code: int = -32602, status: str = "200 OK") -> Fault:
    """A provider that takes at most so many blocks in a call of eth_getLogs, and says so in its words."""

    def fault(question: Question, ask: Node) -> Sequence[Piece]:
        if question["method"] == "eth_getLogs" and _blocks(question) > blocks:
            return whole(refusal(question, text, code=code), status=status)
        return whole(ask(question))

    return fault


def refuses_lists_above(entries: int, text: str, *, code: int = -32602, status: str = "200 OK") -> Fault:
    """A provider that takes at most so many recipients in a filter."""

    def fault(question: Question, ask: Node) -> Sequence[Piece]:
        if question["method"] == "eth_getLogs" and _recipients(question) > entries:
            return whole(refusal(question, text, code=code), status=status)
        return whole(ask(question))

    return fault


def lagging(blocks: int) -> Fault:
    """A node that many blocks behind, as it answers behind a load balancer: fewer logs, and no error."""
    return lambda question, ask: whole(_as_of(question, ask, max(0, _head(ask) - blocks)))


def frozen(head: int) -> Fault:
    """A node that stopped at this block, and answers about it as ever."""
    return lambda question, ask: whole(_as_of(question, ask, head))


def tag(name: str, block: str | None) -> Fault:
    """A node whose tag `name` is this block (None: null)."""

    def fault(question: Question, ask: Node) -> Sequence[Piece]:
        if question["method"] != "eth_getBlockByNumber" or _parameters(question)[0] != name:
            return whole(ask(question))
        return whole(result(question, None) if block is None else ask(question | {"params": [block, False]}))

    return fault


def forked(from_number: int) -> Fault:
    """A node that is on another branch from this block on: other hashes, and nothing in its blocks."""

    def fault(question: Question, ask: Node) -> Sequence[Piece]:
        reply = ask(question)
        if question["method"] == "eth_getLogs":
            kept = [row for row in fault_proxy.rows(reply) if int(str(row["blockNumber"]), 16) < from_number]
            return whole(reply | {"result": kept})
        block = reply.get("result")
        if isinstance(block, dict) and "number" in block and int(str(block["number"]), 16) >= from_number:
            reply = reply | {"result": block | {"hash": "0x" + "f0" * 28 + f"{int(block['number'], 16):08x}"}}
        return whole(reply)

    return fault


def slow(seconds: float) -> Fault:
    """The right answer, late."""
    return lambda question, ask: [seconds, *whole(ask(question))]


def _as_of(question: Question, ask: Node, head: int) -> Reply:
    """What a node whose head is this block says."""
    parameters = _parameters(question)
    if question["method"] == "eth_getBlockByNumber":
        block = str(parameters[0])
        if block == "latest":
            return ask(question | {"params": [hex(head), False]})
        if block.startswith("0x"):
            return result(question, None) if int(block, 16) > head else ask(question)
        found = ask(question)["result"]
        assert isinstance(found, dict)
        trailing = int(str(found["number"]), 16) - (_head(ask) - head)
        return ask(question | {"params": [hex(max(0, trailing)), False]})
    if question["method"] == "eth_getLogs":
        query = parameters[0]
        assert isinstance(query, dict)
        if "blockHash" in query:
            reply = ask(question)
            late = any(int(str(row["blockNumber"]), 16) > head for row in fault_proxy.rows(reply))
            return refusal(question, "unknown block") if late else reply
        if int(query["fromBlock"], 16) > head:
            return result(question, [])
        to = min(head, int(query["toBlock"], 16))
        return ask(question | {"params": [query | {"toBlock": hex(to)}]})
    return ask(question)


def _head(ask: Node) -> int:
    return int(str(ask({"id": 0, "jsonrpc": "2.0", "method": "eth_blockNumber", "params": []})["result"]), 16)


def _parameters(question: Question) -> Sequence[object]:
    found = question["params"]
    assert isinstance(found, list)
    return found


def _query(question: Question) -> dict[str, object]:
    query = _parameters(question)[0]
    assert isinstance(query, dict)
    return query


def _blocks(question: Question) -> int:
    query = _query(question)
    if "blockHash" in query:
        return 1
    return int(str(query["toBlock"]), 16) - int(str(query["fromBlock"]), 16) + 1


def _recipients(question: Question) -> int:
    topics = _query(question)["topics"]
    assert isinstance(topics, list)
    return len(topics[2]) if len(topics) > 2 and topics[2] else 0


def _shuffled(rows: list[Row]) -> list[Row]:
    return random.Random(len(rows)).sample(rows, len(rows))


def _resets(question: Question, ask: Node) -> Sequence[Piece]:
    return [b"", RESET]


def _closes(question: Question, ask: Node) -> Sequence[Piece]:
    return [b"", b""]


def _drips(question: Question, ask: Node) -> Sequence[Piece]:
    return [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", *[b"x", 0.05] * 400]


def _cuts_short(question: Question, ask: Node) -> Sequence[Piece]:
    body = whole(ask(question))[0]
    assert isinstance(body, bytes)
    return [body[:-7], b""]


BROKEN_ANSWERS: dict[str, Fault] = {
    "reset": _resets,
    "closed": _closes,
    "truncated": _cuts_short,
    "HTML with 200": page("200 OK"),
    "503": page("503 Service Unavailable"),
    "502 from a gateway": page("502 Bad Gateway"),
    "401": page("401 Unauthorized"),
    "429 with a pause": page("429 Too Many Requests", b"slow down", "Retry-After: 7\r\n"),
    "400 with a reason": refuses("header not found", code=-32000, status="400 Bad Request"),
    "wrong id": answers(lambda _, reply: reply | {"id": 987_654}),
    "id as text": answers(lambda question, reply: reply | {"id": str(question["id"])}),
    "null": answers(lambda _, reply: reply | {"result": None}),
    "result and error": answers(lambda _, reply: reply | {"error": {"code": 1, "message": "oops"}}),
    "neither result nor error": answers(lambda question, _: {"jsonrpc": "2.0", "id": question["id"]}),
    "batch with the item missing": answers(lambda *_: []),
    "batch of one item": answers(lambda _, reply: [reply]),
    "batch with the item twice": answers(lambda _, reply: [reply, reply]),
    "rate limited in words": refuses("limit exceeded", code=-32005),
    "no healthy backend": refuses("no backend is currently healthy to serve traffic", code=-32011),
}
"""Every answer of any method that is none. A pass that meets one writes nothing."""

DRIPS: Fault = _drips
EMPTY = of_rows(lambda _: [])
HALF = of_rows(lambda rows: rows[: len(rows) // 2])
DUPLICATED = of_rows(lambda rows: [row for row in rows for _ in range(2)])
SHUFFLED = of_rows(_shuffled)
REMOVED_TOO = of_rows(lambda rows: [row | {"removed": True} for row in rows] + rows)
PENDING_TOO = of_rows(
    lambda rows: [row | {"blockNumber": None, "blockHash": None, "logIndex": None} for row in rows] + rows
)
OUT_OF_RANGE_TOO = of_rows(lambda rows: [row | {"blockNumber": "0x7fffffff"} for row in rows] + rows)
OF_OTHERS_TOO = of_rows(lambda rows: [row | {"address": "0x" + "0d" * 20} for row in rows] + rows)
TO_OTHERS_TOO = of_rows(
    lambda rows: [row | {"topics": [*_topics(row)[:2], "0x" + "0" * 24 + "0d" * 20]} for row in rows] + rows
)
WRONG_CHAIN = answers(
    lambda question, reply: reply | {"result": "0x1"} if question["method"] == "eth_chainId" else reply
)

HARMLESS_ROWS: dict[str, Fault] = {
    "duplicate rows": DUPLICATED,
    "unordered rows": SHUFFLED,
    "removed rows": REMOVED_TOO,
    "pending rows": PENDING_TOO,
    "rows outside the asked range": OUT_OF_RANGE_TOO,
    "rows of another contract": OF_OTHERS_TOO,
    "rows to another address": TO_OTHERS_TOO,
}
"""Rows that were not asked for, beside those that were: the pass goes on as if they were not there."""

SILENT: dict[str, Fault] = {
    "empty logs": EMPTY,
    "half of the logs": HALF,
    "a node ten blocks behind": lagging(10),
}
"""Answers that look right and leave something out."""

ANY: Sequence[Fault] = [*BROKEN_ANSWERS.values(), *HARMLESS_ROWS.values(), *SILENT.values()]
"""For the proxy's random mode."""


def _topics(row: Row) -> list[object]:
    topics = row["topics"]
    assert isinstance(topics, list)
    return topics
