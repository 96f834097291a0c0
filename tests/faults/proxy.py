"""TCP between two processes, as bad as a network can be: cut, silent, slow, or broken for half of them."""

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK_BYTES = 65_536
CONNECT_SECONDS = 5
Upstream = Path | tuple[str, int]
"""A socket in the file system, or a host and a port."""


@dataclass(eq=False)
class _Pipe:
    """One connection and the one behind it."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    doomed: bool

    def cut(self) -> None:
        for writer in (self.near, self.far):
            writer.transport.abort()


@dataclass
class Proxy:
    """Listens at `port` for as long as its network lasts, and passes on what `upstream` says."""

    upstream: Upstream
    loop: asyncio.AbstractEventLoop
    chance: random.Random
    port: int = 0
    _pipes: set[_Pipe] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _delay_seconds: float = 0
    _dooming: float = 0

    def cut(self) -> None:
        """Cut every connection, whatever is on its way."""
        self.loop.call_soon_threadsafe(self._cut)

    def swallow(self) -> None:
        """Pass nothing on until `heal`: connections stay open, new ones are accepted, and nobody answers."""
        self.loop.call_soon_threadsafe(self._flowing.clear)

    def delay(self, seconds: float) -> None:
        """Hold back every piece so long until `heal`."""
        self._delay_seconds = seconds

    def doom(self, share: float) -> None:
        """Until `heal` cut this share of connections at their next piece, those included that are open."""
        self.loop.call_soon_threadsafe(self._doom, share)

    def heal(self) -> None:
        """Pass everything on again, what was held back included, as TCP does after a partition."""
        self._delay_seconds = 0
        self.loop.call_soon_threadsafe(self._doom, 0)
        self.loop.call_soon_threadsafe(self._flowing.set)

    def _cut(self) -> None:
        for pipe in tuple(self._pipes):
            pipe.cut()

    def _doom(self, share: float) -> None:
        self._dooming = share
        for pipe in self._pipes:
            pipe.doomed = self.chance.random() < share

    async def serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        """Pass on what one caller and the server say to each other."""
        try:
            far_reader, far = await asyncio.wait_for(self._connect(), CONNECT_SECONDS)
        except (OSError, TimeoutError):
            near.transport.abort()
            return
        pipe = _Pipe(near, far, self.chance.random() < self._dooming)
        self._pipes.add(pipe)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far, pipe))
                both.create_task(self._pump(far_reader, near, pipe))
        finally:
            self._pipes.discard(pipe)
            pipe.cut()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pipe: _Pipe) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if pipe.doomed:
                    pipe.cut()
                    return
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()


class Network:
    """Proxies in a thread of their own."""

    def __init__(self, seed: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._seed = seed
        self._servers: list[asyncio.Server] = []

    def before(self, upstream: Upstream) -> Proxy:
        """A proxy before this server, on a free port of 127.0.0.1."""
        return self._do(self._open(upstream))

    async def _open(self, upstream: Upstream) -> Proxy:
        proxy = Proxy(upstream, self._loop, random.Random(self._seed))
        proxy._flowing.set()
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        self._servers.append(server)
        proxy.port = server.sockets[0].getsockname()[1]
        return proxy

    def _do(self, work: Coroutine[Any, Any, Proxy]) -> Proxy:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CONNECT_SECONDS)

    def run(self) -> None:
        """Serve until `end`, and leave nobody waiting."""
        self._loop.run_forever()
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    async def _leave(self) -> None:
        for server in self._servers:
            server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def end(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def network(seed: int) -> Iterator[Network]:
    """A network for as long as the block lasts."""
    made = Network(seed)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        thread.join(timeout=CONNECT_SECONDS)
