"""Agents that poll, in a process of their own: python -m bench._polling, asked in JSON on its input.

Raw sockets, kept alive: a client that costs less than what it measures.
"""

import asyncio
import json
import math
import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field

from bench._load import HEAD_END, content_length

PROBES = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """An agent's token and purchase."""

    token: str
    payment_attempt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Who asks, for how long: each once a second."""

    port: int
    agents: list[Asked]
    seconds: float


@dataclass(slots=True)
class Heard:
    """How long replies took, in milliseconds, by kind; and how many were not what they should be."""

    seconds: float = 0
    errors: int = 0
    first: list[float] = field(default_factory=list)
    """What each agent was answered first, all of them within a second."""
    full: list[float] = field(default_factory=list)
    unchanged: list[float] = field(default_factory=list)
    healthz: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The replies to agents."""
        return len(self.first) + len(self.full) + len(self.unchanged)

    def percentile(self, kind: str, percent: int) -> float:
        """So many in a hundred replies of a kind took at most this long."""
        times: list[float] = sorted(getattr(self, kind))
        return times[min(len(times) - 1, len(times) * percent // 100)]


async def poll(asked: Poll) -> Heard:
    """Ask for as long as told. Everybody begins at a moment of its own."""
    heard, until = Heard(), time.monotonic() + asked.seconds
    began_at = time.monotonic()
    agents = [
        _agent(asked.port, agent, heard, until, says_what_it_has=place % 2 == 0)
        for place, agent in enumerate(asked.agents)
    ]
    probes = [_probe(asked.port, heard, until) for _ in range(PROBES)]
    await asyncio.gather(*agents, *probes)
    heard.seconds = time.monotonic() - began_at
    return heard


async def _agent(port: int, agent: Asked, heard: Heard, until: float, *, says_what_it_has: bool) -> None:
    path = f"/v1/credit-purchases/status?payment_attempt_id={agent.payment_attempt_id}"
    headers = {"authorization": f"Bearer {agent.token}"}
    first = True
    async for status, head, took_ms in _asking(port, path, headers, until):
        tag = _tag(head)
        if status == 200 and says_what_it_has:
            headers["if-none-match"] = tag
        kind = {200: heard.first if first else heard.full, 304: heard.unchanged}.get(status)
        first = False
        if kind is None or not tag:
            heard.errors += 1
        else:
            kind.append(took_ms)


async def _probe(port: int, heard: Heard, until: float) -> None:
    async for status, _, took_ms in _asking(port, "/healthz", {}, until):
        if status != 200:
            heard.errors += 1
        heard.healthz.append(took_ms)


async def _asking(
    port: int, path: str, headers: dict[str, str], until: float
) -> AsyncIterator[tuple[int, bytes, float]]:
    turn = time.monotonic() + random.random()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while turn < until:
        # Turns are fixed: a slow reply must not make everybody ask at the same moment from then on.
        await asyncio.sleep(max(0.0, turn - time.monotonic()))
        began_at = time.monotonic()
        lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {headers[name]}" for name in headers)]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readuntil(HEAD_END)
        await reader.readexactly(content_length(head))
        took_seconds = time.monotonic() - began_at
        yield int(head.split(b" ", 2)[1]), head, took_seconds * 1000
        turn += max(1, math.ceil(time.monotonic() - turn))
    writer.close()


def _tag(head: bytes) -> str:
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    return next((value.strip().decode() for name, _, value in lines if name.lower() == b"etag"), "")


if __name__ == "__main__":
    given = json.load(sys.stdin)
    wanted = Poll(
        port=given["port"], agents=[Asked(**each) for each in given["agents"]], seconds=given["seconds"]
    )
    print(json.dumps(asdict(asyncio.run(poll(wanted)))))
