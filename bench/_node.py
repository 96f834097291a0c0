"""A node for the benches: a process that makes up blocks full of USDC transfers, and answers at once.

Started as `python -m bench._node BLOCKS LOGS OURS WATCHED`; it prints its port. A block has LOGS transfers,
OURS of them to the next addresses of the list. What it says is the same in every run.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Final

import msgspec
from typing_extensions import override

from rails.chain import transfers
from rails.chain.settings import BASE_USDC

CHAIN_ID: Final = 8453
FIRST_TIME_UNIX: Final = 1_780_000_000
ROW: Final = (
    '{"address":"' + BASE_USDC + '","topics":["' + transfers.TRANSFER_TOPIC + '","%s","%s"],"data":"0x%064x",'
    '"blockHash":"%s","blockNumber":"%s","blockTimestamp":"0x6a18a2f0","transactionHash":"0x%064x",'
    '"transactionIndex":"0x1","logIndex":"%s","removed":false}'
)


def address(number: int) -> str:
    """The address with this number; the watched ones are the first."""
    return f"0x{(number + 1) * 0x9E3779B97F4A7C15F39CC060:040x}"


def block_hash(number: int) -> str:
    """The hash of a block."""
    return f"0x{(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC834:064x}"


@contextmanager
def running(*, blocks: int, logs: int, ours: int, watched: int) -> Iterator[str]:
    """The URL of a node in a process of its own."""
    command = [sys.executable, "-m", "bench._node", *map(str, (blocks, logs, ours, watched))]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


class _Node(StreamRequestHandler):
    blocks, logs, ours, watched = 0, 0, 0, 0
    strangers: tuple[str, ...] = ()

    @override
    def handle(self) -> None:
        while True:
            length = 0
            while (line := self.rfile.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if length == 0:
                return
            body = self._answer(msgspec.json.decode(self.rfile.read(length)))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _answer(self, asked: dict[str, object] | list[dict[str, object]]) -> bytes:
        if isinstance(asked, list):
            return b"[" + b",".join(map(self._answer, asked)) + b"]"
        parameters = asked["params"]
        assert isinstance(parameters, list)
        match asked["method"]:
            case "eth_chainId":
                result = f'"{CHAIN_ID:#x}"'
            case "eth_getBlockByNumber":
                result = self._block(str(parameters[0]))
            case _:
                query = parameters[0]
                first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
                result = "[" + ",".join(self._rows(first, last)) + "]"
        return f'{{"jsonrpc":"2.0","id":{asked["id"]},"result":{result}}}'.encode()

    def _block(self, block: str) -> str:
        number = int(block, 16) if block.startswith("0x") else self.blocks
        if number > self.blocks:
            return "null"
        time = FIRST_TIME_UNIX + 2 * number
        return f'{{"number":"{number:#x}","hash":"{block_hash(number)}","timestamp":"{time:#x}"}}'

    def _rows(self, first: int, last: int) -> Iterator[str]:
        for number in range(first, last + 1):
            known = block_hash(number), hex(number)
            for index in range(self.logs):
                ours = index < self.ours
                to = address((number * self.ours + index) % self.watched) if ours else ""
                recipient = transfers.topic(to) if ours else self.strangers[(number + index) % 1_000]
                sender = self.strangers[(number * 7 + index) % 1_000]
                tx_hash = number << 16 | index
                yield ROW % (sender, recipient, 5_000_000 + index, *known, tx_hash, hex(index))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main(blocks: int, logs: int, ours: int, watched: int) -> None:
    """Answer until killed."""
    _Node.blocks, _Node.logs, _Node.ours, _Node.watched = blocks, logs, ours, watched
    _Node.strangers = tuple(transfers.topic(address(watched + number)) for number in range(1_000))
    with _Server(("127.0.0.1", 0), _Node) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
