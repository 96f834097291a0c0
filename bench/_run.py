"""What every measure is given: how hard to try, whom to tell, and a server with a book."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import Effort, Progress
from bench._server import Server
from sandbox import embedded


@dataclass
class Run:
    """One run of benches over one server, which starts when it is first asked for."""

    effort: Effort
    progress: Progress
    folder: Path
    stack: ExitStack

    @cached_property
    def server(self) -> Server:
        """PostgreSQL with its defaults, so with fsync."""
        self.progress("starting a database, filling it with agents")
        server = Server(self.stack.enter_context(embedded.postgres(self.folder / "postgres")))
        server.prepare()
        return server


@contextmanager
def running(effort: Effort, progress: Progress) -> Iterator[Run]:
    """A run whose servers are gone at the end of the block."""
    with TemporaryDirectory(prefix="pennyrail-bench-") as name, ExitStack() as stack:
        yield Run(effort, progress, Path(name), stack)
