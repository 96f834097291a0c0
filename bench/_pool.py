"""Open holds for capture and release to close: a sequence walks through them."""

from dataclasses import dataclass, field
from typing import Final

from bench import _statements
from bench._server import connect

AT_A_TIME: Final = 1_000


@dataclass
class Pool:
    """The holds hold_1, hold_2, ... of one book, up to `filled`."""

    url: str
    filled: int = field(default=0)

    def fill(self, ready: int) -> None:
        """Place holds until `ready` of them are open."""
        with connect(self.url) as connection:
            row = connection.execute("SELECT last_value, is_called FROM open_hold").fetchone()
            assert row is not None
            used = row[0] if row[1] else 0
            if used > self.filled:
                raise RuntimeError(f"{used - self.filled} operations found no open hold: fill in more")
            connection.execute("SET synchronous_commit = off")
            while self.filled < used + ready:
                last = self.filled + AT_A_TIME
                connection.execute(_statements.OPEN_HOLDS, {"first": self.filled + 1, "last": last})
                self.filled = last
