"""The twin's own eyes on Base: JSON-RPC shared with nobody, so that its word is independent evidence."""

import asyncio
from typing import Any

import httpx

from sandbox.stripe_twin import deposits, verification
from sandbox.stripe_twin.chain_records import CURSOR
from sandbox.stripe_twin.deposits import Transfer, View
from sandbox.stripe_twin.world import World, log

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
REORG_WINDOW_BLOCKS = 64
BLOCKS_PER_CALL = 1_000
ADDRESSES_PER_CALL = 500
RPC_TIMEOUT_SECONDS = 5.0


class ChainUnreadable(Exception):
    """The node did not answer, or not with what was asked."""


async def run(world: World) -> None:
    """Watch for ever; a node that does not answer is asked again, quietly."""
    if world.config.rpc_url is None:
        return
    world.chain.chain = "starting"
    seen_hash = ""
    async with httpx.AsyncClient(timeout=RPC_TIMEOUT_SECONDS, trust_env=False) as client:
        while True:
            try:
                seen_hash = await look(world, client, seen_hash)
                reachable(world)
            except (httpx.HTTPError, ChainUnreadable):
                unreachable(world)
            await asyncio.sleep(world.config.poll_seconds)


def reachable(world: World) -> None:
    """Note that the node answers."""
    if world.chain.chain == "unreachable":
        log.info("chain: the node answers again")
    world.chain.chain = "reachable"


def unreachable(world: World) -> None:
    """Note that the node does not answer, once."""
    if world.chain.chain != "unreachable":
        log.info("chain: the node does not answer, trying on")
    world.chain.chain = "unreachable"


async def look(world: World, client: httpx.AsyncClient, seen_hash: str) -> str:
    """Read what is new and hand it on; returns the hash of the block that was looked at last.

    raises: ChainUnreadable, httpx.HTTPError
    """
    head, head_hash = await block(world, client, "latest")
    if head_hash == seen_hash and not world.switches.detection_lag_seconds:
        return seen_hash
    cursor = world.store.get(*CURSOR)
    # A node that was set back must be read again from there.
    since = head if cursor is None else min(head, cursor["head"])
    first_block = max(0, since - REORG_WINDOW_BLOCKS)
    transfers = await read_transfers(world, client, first_block, head)
    _, still = await block(world, client, hex(head))
    if still != head_hash:
        raise ChainUnreadable("the chain changed while it was read")
    with world.store.transaction():
        deposits.observe(world, View(first_block, head, tuple(transfers)))
        world.store.put(*CURSOR, {"head": head})
        verification.finish_waiting(world)
    world.chain.head = head
    return head_hash


async def block(world: World, client: httpx.AsyncClient, tag: str) -> tuple[int, str]:
    """The number and hash of a block."""
    found = await ask(world, client, "eth_getBlockByNumber", [tag, False])
    if not isinstance(found, dict):
        raise ChainUnreadable("no such block")
    return int(found["number"], 16), str(found["hash"])


async def read_transfers(
    world: World, client: httpx.AsyncClient, first_block: int, head: int
) -> list[Transfer]:
    """Every token transfer to a watched address in these blocks."""
    addresses = deposits.watched_addresses(world)
    if not addresses:
        return []
    topics: list[object] = [TRANSFER_TOPIC]
    # Beyond that it is cheaper to read every transfer of a devnet than to name every address.
    if len(addresses) <= ADDRESSES_PER_CALL:
        topics += [None, ["0x" + address[2:].rjust(64, "0") for address in addresses]]
    watched = set(addresses)
    found: list[Transfer] = []
    for start in range(first_block, head + 1, BLOCKS_PER_CALL):
        last = min(start + BLOCKS_PER_CALL - 1, head)
        asked = {"fromBlock": hex(start), "toBlock": hex(last), "topics": topics}
        logs = await ask(world, client, "eth_getLogs", [asked])
        found += [transfer(row) for row in logs if is_fungible(row)]
    return [row for row in found if row.to in watched]


def is_fungible(row: dict[str, Any]) -> bool:
    """Whether the log is an ERC-20 transfer: an ERC-721 has a fourth topic and no amount."""
    return len(row["topics"]) == 3 and len(row["data"]) == 66


def transfer(row: dict[str, Any]) -> Transfer:
    """The transfer that a log tells of."""
    return Transfer(
        token=row["address"],
        sender="0x" + row["topics"][1][-40:],
        to="0x" + row["topics"][2][-40:],
        units=int(row["data"], 16),
        transaction_hash=row["transactionHash"],
        block_number=int(row["blockNumber"], 16),
        block_hash=row["blockHash"],
        log_index=int(row["logIndex"], 16),
    )


async def ask(world: World, client: httpx.AsyncClient, method: str, parameters: list[object]) -> Any:
    """The result of one JSON-RPC call.

    raises: ChainUnreadable, httpx.HTTPError
    """
    assert world.config.rpc_url is not None, "nobody asks without a node"
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = await client.post(world.config.rpc_url, json=question)
    answer.raise_for_status()
    try:
        body = answer.json()
    except ValueError as error:
        raise ChainUnreadable("not JSON") from error
    if not isinstance(body, dict) or "error" in body or "result" not in body:
        raise ChainUnreadable("the node refused")
    return body["result"]
