"""What clients asked and what they were told, one JSON line a call, in the order in which calls ended."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Told:
    """One call that ended. Times are nanoseconds of the machine's monotonic clock, the same in all processes.

    `fail` is a refusal: certainly not done. `unknown`: nobody answered, so it may have been done or not.
    """

    client: int
    op: str
    agent: str
    args: dict[str, Any]
    invoked: int
    returned: int
    outcome: Outcome
    code: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)


class History:
    """A file of calls that many threads write. Nothing is synced: the house may die, this process not."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def call(self, client: int, op: str, agent: str, **args: object) -> "Call":
        """A call that begins now. Calls under one idempotency key, in `args` as `key`, are one operation."""
        return Call(self, client, op, agent, args)

    def write(self, line: dict[str, object]) -> None:
        """Add a line."""
        written = json.dumps(line, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(written)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


class Call:
    """A call on its way; one of the three ends it."""

    def __init__(self, history: History, client: int, op: str, agent: str, args: dict[str, object]) -> None:
        self._history = history
        self._asked = {"client": client, "op": op, "agent": agent, "args": args}
        self._invoked = time.monotonic_ns()

    def ok(self, **answer: object) -> None:
        """It was done, and this was the answer."""
        self._end("ok", None, answer)

    def fail(self, code: str, **answer: object) -> None:
        """It was refused, and certainly not done."""
        self._end("fail", code, answer)

    def unknown(self, why: str) -> None:
        """Nobody knows whether it was done: a time-out, a reset, a 5xx."""
        self._end("unknown", why, {})

    def _end(self, outcome: Outcome, code: str | None, answer: dict[str, object]) -> None:
        times = {"invoked": self._invoked, "returned": time.monotonic_ns()}
        self._history.write({**self._asked, **times, "outcome": outcome, "code": code, "answer": answer})


def read(path: Path) -> Iterator[Told]:
    """The calls of a history, in the order in which they ended."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Told(**json.loads(line))
