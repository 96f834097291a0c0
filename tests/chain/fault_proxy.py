"""A proxy before a real node: it forwards every question, and spoils the answers that a test says.

    with fault_proxy.before(net.rpc_url) as proxy, Rpc(proxy.url, expect_chain_id=8453) as rpc:
        proxy.spoil("eth_getLogs", faults.EMPTY, times=1)      # the next answer of this method
        proxy.spoil_at_random(faults.ANY, seed=7, rate=0.2)     # or one answer in five, the same for a seed

One thread a connection, no dependency: cheap enough to stand before the node of a whole simulation.
"""

import http.client
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.chain import faulty_node
from tests.chain.faulty_node import Piece

Question = dict[str, object]
Reply = dict[str, object]
Node = Callable[[Question], Reply]
"""Asks the real node; a fault may ask another question than it was asked."""
Fault = Callable[[Question, Node], Sequence[Piece]]


@dataclass
class _Spoiling:
    method: str
    fault: Fault
    left: int | None


@dataclass
class FaultProxy:
    """Where it listens, what it was asked, and what it does to the answers."""

    upstream: str
    url: str = ""
    questions: list[Question] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)
    """The methods whose answers were spoilt, in order."""
    _spoilings: list[_Spoiling] = field(default_factory=list)
    _random: random.Random | None = None
    _rate: float = 0
    _faults: Sequence[Fault] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: bool = True
    _ended: bool = False
    _batched: "Callable[[list[Reply]], object] | None" = None
    _connections: set[socket.socket] = field(default_factory=set)

    def spoil(self, method: str, fault: Fault, *, times: int | None = None) -> None:
        """Spoil the answers of `method` ("*": of all), so many times or until `heal`."""
        with self._lock:
            self._spoilings.append(_Spoiling(method, fault, times))

    def spoil_at_random(self, faults: Sequence[Fault], *, seed: int, rate: float) -> None:
        """Spoil this part of all answers by one of `faults`. One seed and one thread asking: one history."""
        with self._lock:
            self._random, self._rate, self._faults = random.Random(seed), rate, faults

    def spoil_batches(self, change: Callable[[list[Reply]], object]) -> None:
        """Answer batches with what this makes of the right answers."""
        self._batched = change

    def batch(self, replies: list[Reply]) -> object:
        """What is said to a batch."""
        return replies if self._batched is None else self._batched(replies)

    def heal(self) -> None:
        """Answer as the node does from now on."""
        with self._lock:
            self._spoilings.clear()
            self._random = self._batched = None
            self._open = True

    def refuse(self) -> None:
        """Drop every connection, and every new one at once, until `heal`."""
        with self._lock:
            self._open = False
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def asked(self, method: str) -> int:
        """How often a method was asked for."""
        return sum(question["method"] == method for question in self.questions)

    def end(self) -> None:
        """Serve nobody any more."""
        self.refuse()
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether the next visitor is only there to say so."""
        return self._ended

    def admit(self, connection: socket.socket) -> bool:
        """Whether this connection is served at all."""
        with self._lock:
            if self._open:
                self._connections.add(connection)
            return self._open

    def gone(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._connections.discard(connection)

    def fault_for(self, question: Question) -> Fault | None:
        """What to do to the answer of this question; None leaves it as it is."""
        method = str(question["method"])
        with self._lock:
            self.questions.append(question)
            for each in self._spoilings:
                if each.method in ("*", method) and each.left != 0:
                    each.left = None if each.left is None else each.left - 1
                    self.spoilt.append(method)
                    return each.fault
            if self._random is not None and self._random.random() < self._rate:
                self.spoilt.append(method)
                return self._random.choice(self._faults)
        return None


@contextmanager
def before(upstream: str) -> Iterator[FaultProxy]:
    """A proxy before the node at `upstream` for as long as the block lasts. It spoils nothing at first."""
    proxy = FaultProxy(upstream)
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=_accept, args=(server, proxy), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.end()
            # A blocked accept does not notice that its socket was closed; a last visitor wakes it.
            with suppress(OSError), socket.create_connection(server.getsockname(), timeout=1):
                server.close()
            thread.join(timeout=5)


def _accept(server: socket.socket, proxy: FaultProxy) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        if proxy.ended:
            connection.close()
            return
        if proxy.admit(connection):
            threading.Thread(target=_serve, args=(connection, proxy), daemon=True).start()
        else:
            connection.close()


def _serve(connection: socket.socket, proxy: FaultProxy) -> None:
    parts = urlsplit(proxy.upstream)
    upstream = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def ask(question: Question) -> Reply:
        upstream.request("POST", "/", json.dumps(question), {"Content-Type": "application/json"})
        reply: Reply = json.loads(upstream.getresponse().read())
        return reply

    try:
        with connection, connection.makefile("rb") as incoming, suppress(OSError, http.client.HTTPException):
            while (question := faulty_node.read(incoming)) is not None:
                asked = question[0] if isinstance(question, list) else question
                fault = proxy.fault_for(asked)
                if fault is not None:
                    pieces = fault(asked, ask)
                elif isinstance(question, list):
                    pieces = faulty_node.whole(proxy.batch([ask(each) for each in question]))
                else:
                    pieces = faulty_node.whole(ask(question))
                if not faulty_node.send(connection, pieces):
                    return
    finally:
        upstream.close()
        proxy.gone(connection)


def rows(reply: Mapping[str, object]) -> list[dict[str, object]]:
    """The logs in an answer of eth_getLogs."""
    found = reply.get("result")
    return list(found) if isinstance(found, list) else []
