"""Agents that come when they come, in a process of its own: python -m bench._offering, asked in JSON.

Open loop: requests are sent at moments drawn beforehand, whatever has become of those before, and a latency
begins at the moment that was drawn. So a service that stalls is measured with everybody who came meanwhile.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench import _wishes
from bench._load import HEAD_END, content_length
from bench._wishes import Known, Wish

PATIENCE_SECONDS: Final = 10.0
CONNECTIONS: Final = 1_500
GONE: Final = 0
"""The status of what was never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How often to ask, for how long, and of whom. A third of the purchases are paid if there is a payer."""

    port: int
    rate: float
    seconds: float
    mix: dict[str, float]
    service_token: str
    agents: list[list[str]]
    """Id and token of each."""
    seed: int = 1
    rpc_port: int = 0
    payer: str = ""
    token: str = ""
    known: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Came:
    """What became of it. Latencies are of what was done, in milliseconds, by kind."""

    seconds: float = 0
    offered: int = 0
    done: dict[str, list[float]] = field(default_factory=dict)
    refused: int = 0
    """Told to come back: 503 and 429."""
    wrong: int = 0
    lost: int = 0
    paid: int = 0
    late_ms: float = 0
    """By how much the sender itself was late, but for one request in a hundred."""
    refusal_ms: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    known: dict[str, list[Any]] = field(default_factory=dict)


def offer(wanted: Offer) -> Came:
    """Have another process make this offer."""
    asked = subprocess.run(
        [sys.executable, "-m", "bench._offering"],
        input=json.dumps(asdict(wanted)),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RuntimeError(asked.stderr)
    return Came(**json.loads(asked.stdout))


class _Wires:
    """Connections that are kept alive, one request at a time on each."""

    def __init__(self) -> None:
        self._idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self._turn = asyncio.Semaphore(CONNECTIONS)

    async def ask(self, port: int, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the reply; GONE if none came in time."""
        async with self._turn:
            writer: asyncio.StreamWriter | None = None
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    idle = self._idle.setdefault(port, [])
                    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
                    writer.write(request)
                    head = await reader.readuntil(HEAD_END)
                    body = await reader.readexactly(content_length(head))
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                if writer is not None:
                    writer.close()
                return GONE, b""
            if b"connection: close" in head.lower():
                writer.close()
            else:
                idle.append((reader, writer))
            return int(head.split(b" ", 2)[1]), body

    async def close(self) -> None:
        """Hang up on everybody."""
        for _, writer in (each for idle in self._idle.values() for each in idle):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class _Crowd:
    """Everybody who asks, and what they remember of what they were told."""

    def __init__(self, wanted: Offer) -> None:
        self.wanted = wanted
        self.came = Came()
        self.drawn = random.Random(wanted.seed)
        self.known = Known(self.drawn, wanted.agents, wanted.service_token, wanted.known)
        self.wires = _Wires()
        self.late: list[float] = []
        self.paying: set[asyncio.Task[None]] = set()

    async def come(self) -> Came:
        kinds, weights = list(self.wanted.mix), list(self.wanted.mix.values())
        began_at, tasks = time.monotonic(), []
        for after in self._moments():
            due_at = began_at + after
            if (early := due_at - time.monotonic()) > 0:
                await asyncio.sleep(early)
            wish = _wishes.wish(self.drawn.choices(kinds, weights)[0], self.known)
            tasks.append(asyncio.create_task(self._one(wish, due_at)))
        await asyncio.gather(*tasks)
        await asyncio.gather(*self.paying)
        await self.wires.close()
        self.came.seconds = self.wanted.seconds
        self.came.offered = len(tasks)
        self.late.sort()
        self.came.late_ms = self.late[len(self.late) * 99 // 100] if self.late else 0
        self.came.known = self.known.kept()
        return self.came

    def _moments(self) -> Iterator[float]:
        """When somebody comes: as many independent people do, at no even pace."""
        moment = 0.0
        while (moment := moment + self.drawn.expovariate(self.wanted.rate)) < self.wanted.seconds:
            yield moment

    async def _one(self, wish: Wish, due_at: float) -> None:
        self.late.append((time.monotonic() - due_at) * 1000)
        status, body = await self.wires.ask(self.wanted.port, wish.request())
        took_ms = (time.monotonic() - due_at) * 1000
        if status == GONE:
            self.came.lost += 1
        elif status in (503, 429):
            self.came.refused += 1
            self.came.refusal_ms.append(took_ms)
        elif status != 200:
            self.came.wrong += 1
            if len(self.came.faults) < 5:
                self.came.faults.append(f"{wish.kind} {status} {body[:300].decode(errors='replace')}")
        else:
            self.came.done.setdefault(wish.kind, []).append(took_ms)
            told = json.loads(body)["data"]
            self.known.learn(wish, told)
            if wish.kind == "purchases" and self.wanted.payer and self.drawn.random() < 1 / 3:
                task = asyncio.create_task(self._pay(told))
                self.paying.add(task)
                task.add_done_callback(self.paying.discard)

    async def _pay(self, told: dict[str, Any]) -> None:
        """Pay a purchase as its payer would, whom the service does not see."""
        port, request = _wishes.payment(
            told, rpc_port=self.wanted.rpc_port, payer=self.wanted.payer, token=self.wanted.token
        )
        status, _ = await self.wires.ask(port, request)
        self.came.paid += status in (200, 303)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_Crowd(Offer(**json.load(sys.stdin))).come()))))
