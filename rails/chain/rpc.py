"""JSON-RPC to one node: a question gets its own answer, whole and in time, or an error that says why.

No retries of a failed call (the next pass is one). Nodes drop elements of batches silently, so an answer to
many questions counts only if each of them is answered, once.
"""

import base64
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, Self, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from typing_extensions import override

from rails.chain import refusals
from rails.chain.errors import BadAnswer, RateLimited, RpcError, RpcRefused, WrongChain
from rails.chain.wire import Answer, Stale, Wire
from rails.telemetry import measures, trace

T = TypeVar("T")
EXCERPT_LETTERS = 500
SECRET_LETTERS_MIN = 6


class _Error(msgspec.Struct):
    code: int | None = None
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct):
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None


class _Question(msgspec.Struct):
    id: int
    method: str
    params: Sequence[object]
    jsonrpc: str = "2.0"


BATCH = 50
"""Questions in one request. Providers take from 50 to 1,000."""
_BATCH = msgspec.json.Decoder(list[_Envelope])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_TEXT = msgspec.json.Decoder(str)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises: other JSON, no text at all, or lists within lists without end."""
_QUANTITY_LETTERS_MAX = 66


class Node(Protocol):
    """Who can be asked about a chain: a client, or somebody who stands before one."""

    @property
    def chain_id(self) -> int:
        """The chain that every answer is about."""
        ...

    @property
    def origin(self) -> str:
        """Where it is, without anything secret."""
        ...

    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        """The `result` of one call as `answer` decodes it.

        raises: RpcError
        """
        ...

    def call_each(
        self, method: str, parameters: Sequence[Sequence[object]], *, answer: "msgspec.json.Decoder[T]"
    ) -> list[T]:
        """The results of one method for each of the parameters, in their order.

        raises: RpcError if one of them has none
        """
        ...


class Rpc:
    """A client of one node. It keeps one connection, and serves one thread at a time."""

    def __init__(self, url: str, *, expect_chain_id: int, deadline_seconds: float = 10) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the RPC URL must be http:// or https:// and name a host")
        port = f":{parts.port}" if parts.port else ""
        self.origin = f"{parts.scheme}://{parts.hostname}{port}"
        self.chain_id = expect_chain_id
        self._deadline_seconds = deadline_seconds
        self._wire = Wire(parts, origin=self.origin)
        self._ids = itertools.count(1)
        self._batches = True
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        pieces = [*parts.path.split("/"), *parts.query.replace("=", "&").split("&")]
        pieces += [parts.username or "", parts.password or ""]
        # A provider repeats them as they were sent, or as it has read them.
        spelled = {spelling for piece in pieces for spelling in (piece, unquote(piece))}
        self._secrets = sorted((each for each in spelled if len(each) >= SECRET_LETTERS_MIN), key=len)[::-1]

    @override
    def __repr__(self) -> str:
        return f"Rpc({self.origin}, chain {self.chain_id})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        self._wire.close()

    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        """The `result` of one call as `answer` decodes it; null is refused unless its type allows it.

        The first call on every new connection asks for the chain id as well: behind one name there may be
        another chain after a reconnect.

        raises: RpcError
        """
        deadline = time.monotonic() + self._deadline_seconds
        if self._wire.connected:
            # Nodes drop idle connections. Every call here only reads, so asking once more is harmless.
            with suppress(Stale):
                return self._ask(method, parameters, answer, deadline)
        self._wire.open(deadline=deadline)
        self._check_chain_id(deadline)
        return self._ask(method, parameters, answer, deadline)

    def call_each(
        self, method: str, parameters: Sequence[Sequence[object]], *, answer: "msgspec.json.Decoder[T]"
    ) -> list[T]:
        """The results of one method for each of the parameters, in batches where the node takes them.

        raises: RpcError if one of them has none
        """
        results: list[T] = []
        for start in range(0, len(parameters), BATCH):
            part = parameters[start : start + BATCH]
            if self._batches:
                try:
                    results += self._call_batch(method, part, answer)
                    continue
                except (RpcRefused, BadAnswer):
                    # A provider that takes no batches, or answers them badly: each question alone then.
                    self._batches = False
                except RateLimited:
                    # It may be the batch that is too much; the next pass asks more slowly.
                    self._batches = False
                    raise
            results += [self.call(method, each, answer=answer) for each in part]
        return results

    def _call_batch(
        self, method: str, parameters: Sequence[Sequence[object]], answer: "msgspec.json.Decoder[T]"
    ) -> list[T]:
        deadline = time.monotonic() + self._deadline_seconds
        questions = [_Question(id=next(self._ids), method=method, params=each) for each in parameters]
        body = msgspec.json.encode(questions)
        with measures.call("node", method):
            got = self._post(body, deadline)
        try:
            envelopes = _BATCH.decode(got.body)
        except _UNREADABLE:
            raise self._not_json_rpc(got, questions[0]) from None
        answered = {envelope.id: envelope for envelope in envelopes}
        if len(envelopes) != len(questions) or any(each.id not in answered for each in questions):
            raise BadAnswer(f"{method}: {len(envelopes)} answers to {len(questions)} questions")
        results = [self._checked(answered[each.id], got, each) for each in questions]
        try:
            return [answer.decode(result) for result in results]
        except _UNREADABLE as error:
            raise BadAnswer(f"{method}: a result has another shape than asked for: {error}") from None

    def _post(self, body: bytes, deadline: float) -> Answer:
        if self._wire.connected:
            with suppress(Stale):
                return self._wire.post(body, headers={**self._headers, **trace.headers()}, deadline=deadline)
        self._wire.open(deadline=deadline)
        self._check_chain_id(deadline)
        return self._wire.post(body, headers={**self._headers, **trace.headers()}, deadline=deadline)

    def _check_chain_id(self, deadline: float) -> None:
        found = self._ask("eth_chainId", [], _TEXT, deadline)
        if quantity(found) != self.chain_id:
            self._wire.close()
            raise WrongChain(f"{self.origin} serves chain {quantity(found)}, not {self.chain_id}")

    def _ask(
        self, method: str, parameters: Sequence[object], answer: "msgspec.json.Decoder[T]", deadline: float
    ) -> T:
        question = _Question(id=next(self._ids), method=method, params=parameters)
        asked, headers = msgspec.json.encode(question), {**self._headers, **trace.headers()}
        with measures.call("node", method):
            got = self._wire.post(asked, headers=headers, deadline=deadline)
        result = self._result(got, question)
        try:
            return answer.decode(result)
        except _UNREADABLE as error:
            raise BadAnswer(f"{method}: the result has another shape than asked for: {error}") from None

    def _result(self, got: Answer, question: _Question) -> msgspec.Raw:
        try:
            envelope = _ENVELOPE.decode(got.body)
        except _UNREADABLE:
            raise self._not_json_rpc(got, question) from None
        return self._checked(envelope, got, question)

    def _checked(self, envelope: _Envelope, got: Answer, question: _Question) -> msgspec.Raw:
        if envelope.error is not None:
            raise self._refusal(envelope, got, question)
        if not 200 <= got.status < 300:
            raise self._not_json_rpc(got, question)
        # The type matters too: True == 1 and "1" is not 1.
        if type(envelope.id) is not int or envelope.id != question.id:
            self._wire.close()
            answered = self._excerpt(repr(envelope.id))
            raise BadAnswer(f"{question.method}: answer {answered} to question {question.id}")
        if isinstance(envelope.result, msgspec.UnsetType):
            raise BadAnswer(f"{question.method}: neither result nor error")
        return envelope.result

    def _refusal(self, envelope: _Envelope, got: Answer, question: _Question) -> RpcError:
        assert envelope.error is not None
        if envelope.result is not msgspec.UNSET and bytes(envelope.result) != b"null":
            return BadAnswer(f"{question.method}: both a result and an error")
        if envelope.id is not None and envelope.id != question.id:
            self._wire.close()
            refused = self._excerpt(repr(envelope.id))
            return BadAnswer(f"{question.method}: refusal of {refused}, not of {question.id}")
        text = envelope.error.message
        # Some nodes put the reason into `data` and only "invalid params" into the message.
        if bytes(envelope.error.data) != b"null":
            text += " " + bytes(envelope.error.data).decode(errors="replace")
        return refusals.classify(
            f"{question.method}: {self._excerpt(text)}",
            code=envelope.error.code,
            status=got.status,
            pause_seconds=refusals.pause(got.retry_after, date=got.date),
        )

    def _not_json_rpc(self, got: Answer, question: _Question) -> RpcError:
        excerpt = f"{question.method}: {self._excerpt(got.body.decode(errors='replace'))}"
        if 200 <= got.status < 300:
            return BadAnswer(f"{excerpt} (HTTP {got.status}, not a JSON-RPC answer)")
        return refusals.classify(
            excerpt,
            status=got.status,
            pause_seconds=refusals.pause(got.retry_after, date=got.date),
        )

    def _excerpt(self, text: str) -> str:
        # Providers like to repeat the address they were called at, with the key in it.
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # One line: what a node says stands in alarms and in the log.
        return "".join(letter if letter.isprintable() else " " for letter in text[:EXCERPT_LETTERS])


def quantity(text: str) -> int:
    """The number that a JSON-RPC quantity such as "0x2a" stands for.

    raises: BadAnswer
    """
    digits = text[2:]
    # Of more than 256 bits there is nothing, and Python prints no number of thousands of digits.
    if (
        not 2 < len(text) <= _QUANTITY_LETTERS_MAX
        or text[:2] != "0x"
        or not all(letter in "0123456789abcdefABCDEF" for letter in digits)
    ):
        raise BadAnswer(f"{text[:70]!r} is not a quantity")
    return int(digits, 16)
