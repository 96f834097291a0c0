"""A node on loopback that answers byte by byte as a test says, wrong in every way a network can be."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

RESET = object()
"""In place of bytes: drop the connection with a reset."""
Piece = bytes | float | object
"""Bytes to send, seconds to wait, or RESET. The connection ends after the last piece unless it is kept."""
Script = Callable[[dict[str, object]], Sequence[Piece]]


@dataclass
class FaultyNode:
    """Where it listens, and what it was asked."""

    url: str = ""
    questions: list[dict[str, object]] = field(default_factory=list)
    connections: int = 0


@contextmanager
def listening(script: Script, *, chain_id: str = "0x2105") -> Iterator[FaultyNode]:
    """A node that tells its chain id, and answers everything else by `script`."""
    node = FaultyNode()
    with socket.create_server(("127.0.0.1", 0)) as server:
        node.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=_accept, args=(server, node, script, chain_id), daemon=True)
        thread.start()
        yield node
        # A blocked accept does not notice that its socket was closed; a last visitor wakes it.
        with suppress(OSError), socket.create_connection(server.getsockname(), timeout=1):
            server.close()
        thread.join(timeout=5)


def whole(body: bytes | object, *, status: str = "200 OK", headers: str = "") -> list[Piece]:
    """A complete HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content]


def result(question: dict[str, object], value: object) -> dict[str, object]:
    """A JSON-RPC answer to this question."""
    return {"jsonrpc": "2.0", "id": question["id"], "result": value}


def refusal(question: dict[str, object], message: str, *, code: int = -32000) -> dict[str, object]:
    """A JSON-RPC error for this question."""
    return {"jsonrpc": "2.0", "id": question["id"], "error": {"code": code, "message": message}}


def _accept(server: socket.socket, node: FaultyNode, script: Script, chain_id: str) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        node.connections += 1
        with connection, suppress(OSError):
            _serve(connection, node, script, chain_id)
        if server.fileno() == -1:
            return


def _serve(connection: socket.socket, node: FaultyNode, script: Script, chain_id: str) -> None:
    connection.settimeout(5)
    with connection.makefile("rb") as incoming:
        while (question := read(incoming)) is not None:
            assert isinstance(question, dict), "a scripted node takes no batches"
            node.questions.append(question)
            chain = question["method"] == "eth_chainId"
            pieces = whole(result(question, chain_id)) if chain else script(question)
            if not send(connection, pieces):
                return


def read(incoming: BinaryIO) -> dict[str, object] | list[dict[str, object]] | None:
    """The next question of a connection, or a batch of them; None at its end."""
    length = 0
    while (line := incoming.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    if length == 0:
        return None
    question: dict[str, object] | list[dict[str, object]] = json.loads(incoming.read(length))
    return question


def send(connection: socket.socket, pieces: Sequence[Piece]) -> bool:
    """Send the pieces; whether the connection goes on."""
    for piece in pieces:
        if piece is RESET:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if isinstance(piece, bytes):
            connection.sendall(piece)
        elif isinstance(piece, float):
            time.sleep(piece)
    return len(pieces) == 1
