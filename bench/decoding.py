"""How fast USDC transfers are read: decoded from bytes, and fetched from a real node, beside web3."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Collection, Iterator

import msgspec
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from bench import Figure, Progress
from bench._run import Run
from rails.chain import node, transfers
from rails.chain.rpc import Rpc
from rails.chain.settings import BASE_USDC
from sandbox import devnet
from sandbox.devnet import Devnet, bytecode, token

ROWS = 20_000
LOGS = 20_000
LOGS_A_BLOCK = 100
CHAIN_ID = 8453
SENDER = "0x" + "aa" * 20
MINTER = "0x" + "ab" * 20
RUNS = 9
WATCHED = 500
FIRST_BLOCK = 40_000_000
LAST_BLOCK = FIRST_BLOCK + ROWS // 100


def measure(run: Run) -> Iterator[Figure]:
    """Transfers a second of one call of eth_getLogs; the limit is a load of its bytes without any check."""
    body = _body()
    recipients = [_address(number) for number in range(WATCHED)]
    work: dict[str, Callable[[], object]] = {
        "json": lambda: json.loads(body),
        "msgspec": lambda: msgspec.json.decode(body),
        "all": lambda: _decode(body, None),
        "watched": lambda: _decode(body, recipients),
    }
    rates = _rates(work, run.progress)
    yield Figure("all kept, by json.loads", 1, rates["all"], rates["json"])
    yield Figure("all kept, by msgspec untyped", 1, rates["all"], rates["msgspec"])
    yield Figure("500 watched, by json.loads", 1, rates["watched"], rates["json"])
    yield Figure("500 watched, by msgspec", 1, rates["watched"], rates["msgspec"])
    yield from _from_a_node(run.progress)


def _from_a_node(progress: Progress) -> Iterator[Figure]:
    """Logs a second in one process: asked from anvil over HTTP, decoded, and those to the watched kept."""
    watched = frozenset(_address(number) for number in range(100_000))
    with devnet.start(block_seconds=0) as net, Rpc(net.rpc_url, expect_chain_id=CHAIN_ID) as rpc:
        progress("filling anvil with transfers")
        first, last = _fill(net)
        usdc = _usdc(net.rpc_url)
        ours, theirs, busy = [], [], []
        get_logs = usdc.events.Transfer().get_logs
        for turn in range(RUNS):
            progress(f"reading from anvil, run {turn + 1} of {RUNS}")
            rate, per_cpu_second = _timed(lambda: _fetch(rpc, watched, first, last), LOGS)
            ours.append(rate)
            busy.append(per_cpu_second)
            few = 10 * LOGS_A_BLOCK
            theirs.append(_timed(lambda: get_logs(from_block=first, to_block=first + 9), few)[0])
    rate = statistics.median(ours)
    yield Figure("from anvil, by 50,000 a second", 1, rate, 50_000, goal=1)
    # What the node and whoever else is on the machine takes is not in it.
    yield Figure("from anvil, per second of our cpu", 1, statistics.median(busy), 50_000, goal=1)
    yield Figure("from anvil, by web3 get_logs", 1, rate, statistics.median(theirs), goal=20)


def _fill(net: Devnet) -> tuple[int, int]:
    """Mine blocks of a hundred transfers each; the first and the last of them."""
    mints = [f"0x40c10f19{_address(number)[2:]:0>64}{number + 1:064x}" for number in range(LOGS_A_BLOCK)]
    net.call("anvil_setCode", MINTER, bytecode.calls(*mints))
    first = net.head() + 1
    for _ in range(LOGS // LOGS_A_BLOCK):
        call = {"from": SENDER, "to": MINTER, "gas": hex(20_000_000)}
        net.give_ether(SENDER)
        net.call("eth_sendTransaction", call)
        net.mine()
    return first, net.head()


def _fetch(rpc: Rpc, watched: frozenset[str], first: int, last: int) -> None:
    reading = node.Reading(BASE_USDC, watched, first, last, chunk_blocks=25)
    decoded = node.read_transfers(rpc, reading)
    assert len(decoded.transfers) + decoded.skipped == LOGS


def _usdc(rpc_url: str) -> Contract:
    web3 = Web3(HTTPProvider(rpc_url))
    return web3.eth.contract(address=Web3.to_checksum_address(BASE_USDC), abi=token.contract().abi)


def _timed(job: Callable[[], object], rows: int) -> tuple[float, float]:
    """Rows a second, and rows a second of this process's own work."""
    gc.collect()
    began_at, busy_before = time.perf_counter(), time.process_time()
    job()
    return rows / (time.perf_counter() - began_at), rows / (time.process_time() - busy_before)


def _rates(work: dict[str, Callable[[], object]], progress: Progress) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for run in range(RUNS):
        progress(f"run {run + 1} of {RUNS}")
        # Each run does all of it, so that a slow moment of the machine meets the work and its limit alike.
        for name, job in work.items():
            # Or one job pays for the garbage of another.
            gc.collect()
            began_at = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - began_at)
    return {name: ROWS / statistics.median(measured) for name, measured in seconds.items()}


def _decode(body: bytes, recipients: Collection[str] | None) -> transfers.Decoded:
    decoded = transfers.decode(
        transfers.LOGS.decode(body),
        token=BASE_USDC,
        from_block=FIRST_BLOCK,
        to_block=LAST_BLOCK,
        recipients=recipients,
    )
    assert len(decoded.transfers) + decoded.skipped == ROWS
    return decoded


def _body() -> bytes:
    """The logs of a busy stretch of Base, a hundred transfers a block, as a node writes them."""
    return msgspec.json.encode([_row(number) for number in range(ROWS)])


def _row(number: int) -> dict[str, object]:
    block = FIRST_BLOCK + number // 100
    return {
        "address": BASE_USDC,
        "topics": [
            transfers.TRANSFER_TOPIC,
            transfers.topic(_address(number + 7)),
            transfers.topic(_address(number)),
        ],
        "data": f"0x{number * 9_973:064x}",
        "blockHash": f"0x{block * 0x9E3779B97F4A7C15F39CC0605CEDC834:064x}",
        "blockNumber": hex(block),
        "blockTimestamp": hex(1_780_000_000 + 2 * block),
        "transactionHash": f"0x{(number + 1) * 0xC2B2AE3D27D4EB4F165667B19E3779F9:064x}",
        "transactionIndex": hex(number % 100),
        "logIndex": hex(number % 100),
        "removed": False,
    }


def _address(number: int) -> str:
    return f"0x{(number + 1) * 0x9E3779B97F4A7C15F39CC060:040x}"
