"""How fast USDC transfers are decoded, beside a plain load of the same JSON."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Collection, Iterator

import msgspec

from bench import Figure, Progress
from bench._run import Run
from rails.chain import transfers
from rails.chain.settings import BASE_USDC

ROWS = 20_000
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
