"""A load of HTTP requests in a process of its own: python -m bench._load, asked in JSON on its input.

Raw sockets, kept alive, one request at a time on each: a client that costs less than what it measures.
"""

import asyncio
import hmac
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Final

AGENTS: Final = 1_000
HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, for how long. `{agent}` and `{key}` in `body` are new in every request."""

    port: int
    path: str
    method: str = "GET"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    sign_with: str = ""
    """A webhook secret: every body is signed with it, as Stripe does."""
    connections: int = 64
    seconds: float = 2.0

    def request(self) -> bytes:
        """One request, ready to send."""
        agent, key = str(random.randint(1, AGENTS)), f"{random.getrandbits(96):x}"
        body = self.body.replace("{agent}", agent).replace("{key}", key).encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        if body:
            lines.append("content-type: application/json")
        if self.sign_with:
            lines.append(f"stripe-signature: {_signature(body, self.sign_with)}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


def _signature(body: bytes, secret: str) -> str:
    signed_at = int(time.time())
    digest = hmac.digest(secret.encode(), b"%d." % signed_at + body, "sha256").hex()
    return f"t={signed_at},v1={digest}"


def rate(load: Load) -> float:
    """Requests a second that were answered with 200.

    raises: RuntimeError if anything else was answered.
    """
    asked = subprocess.run(
        [sys.executable, "-m", "bench._load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RuntimeError(asked.stderr)
    return float(asked.stdout)


async def _send(load: Load) -> float:
    until = time.monotonic() + load.seconds
    began_at = time.monotonic()
    answered = await asyncio.gather(*(_one_after_the_other(load, until) for _ in range(load.connections)))
    return sum(answered) / (time.monotonic() - began_at)


async def _one_after_the_other(load: Load, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    answered = 0
    while time.monotonic() < until:
        writer.write(load.request())
        head = await reader.readuntil(HEAD_END)
        body = await reader.readexactly(content_length(head))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {body[:500].decode()}")
        answered += 1
    writer.close()
    return answered


def content_length(head: bytes) -> int:
    """How long the body is that follows this head."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


if __name__ == "__main__":
    print(asyncio.run(_send(Load(**json.load(sys.stdin)))))
