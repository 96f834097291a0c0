"""The twin as a process of its own, which never outlives the one that started it."""

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sandbox.errors import SandboxError
from sandbox.stripe_twin.control import Control
from sandbox.stripe_twin.settings import (
    BASE_USDC,
    LIVE_SECRET_KEY_VARIABLE,
    SECRET_KEY_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    PayloadStyle,
    with_secrets,
)

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0
ROOT = Path(__file__).parents[2]


class TwinDidNotStart(SandboxError):
    """The process ended, or did not become healthy in time; its log says why."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A running twin: `url` is the API base for the SDK, `secret_key` a test-mode key."""

    url: str
    secret_key: str = field(repr=False)
    live_secret_key: str = field(repr=False)
    control: Control = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """The process, for tests that kill it."""
        return self.process.pid

    @property
    def port(self) -> int:
        """Where it listens, to start another in its place."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def start(
    folder: Path,
    *,
    rpc_url: str | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    port: int = 0,
    secret_key: str | None = None,
    live_secret_key: str | None = None,
    usdc_contract: str = BASE_USDC,
    confirmations: int = 1,
    public_url: str | None = None,
    webhook_payload: PayloadStyle = "snapshot",
) -> Iterator[Twin]:
    """Run a twin whose state and log live in `folder`, until the block or this process ends, however it ends.

    The same folder, port and keys again continue where the last one stopped.

    raises: TwinDidNotStart
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = {
        SECRET_KEY_VARIABLE: secret_key or f"sk_test_{secrets.token_hex(16)}",
        LIVE_SECRET_KEY_VARIABLE: live_secret_key or f"sk_live_{secrets.token_hex(16)}",
    }
    options = {
        "--port": str(port),
        "--rpc-url": rpc_url,
        "--usdc-contract": usdc_contract,
        "--confirmations": str(confirmations),
        "--public-url": public_url,
        "--webhook-url": webhook_url,
        "--webhook-payload": webhook_payload,
    }
    process = launch(folder, options, keys | {WEBHOOK_SECRET_VARIABLE: webhook_secret or ""})
    try:
        url = wait_until_healthy(process, folder)
        with Control(url) as control:
            yield Twin(
                url=url,
                secret_key=keys[SECRET_KEY_VARIABLE],
                live_secret_key=keys[LIVE_SECRET_KEY_VARIABLE],
                control=control,
                process=process,
            )
    finally:
        stop(process)


def launch(
    folder: Path, options: dict[str, str | None], secrets_by_name: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start the process; it ends when its standard input does, even if we are killed."""
    command = [sys.executable, "-m", "sandbox.stripe_twin", "--die-with-parent"]
    command += ["--state", str(folder / "stripe_twin.sqlite"), "--url-file", str(folder / "stripe_twin.url")]
    for name, value in options.items():
        command += [] if value is None else [name, value]
    (folder / "stripe_twin.url").unlink(missing_ok=True)
    with (folder / "stripe_twin.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=with_secrets(secrets_by_name),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the one who started us; the twin leaves when its input closes.
            start_new_session=True,
        )


def wait_until_healthy(process: subprocess.Popen[bytes], folder: Path) -> str:
    """The URL of the twin once it answers.

    raises: TwinDidNotStart
    """
    url_file = folder / "stripe_twin.url"
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if url_file.exists():
            url = url_file.read_text().strip()
            if is_healthy(url):
                return url
        time.sleep(0.02)
    raise TwinDidNotStart(f"the Stripe twin did not start; see {folder / 'stripe_twin.log'}")


def is_healthy(url: str) -> bool:
    """Whether the twin answers there."""
    try:
        return httpx.get(f"{url}/_twin/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process, by force if it does not leave."""
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
