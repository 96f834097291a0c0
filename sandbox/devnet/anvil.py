"""Start and stop anvil, and move its chain by hand."""

import ctypes
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from sandbox.devnet import token
from sandbox.devnet.errors import DevnetDidNotStart, DevnetNotInstalled, DevnetRefused
from sandbox.devnet.settings import DevnetSettings

TOKEN = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
CHAIN_ID = 8453
BUNDLED = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
START_SECONDS = 60
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1


class Devnet:
    """A running anvil: its address for others, and levers that a real chain does not have."""

    def __init__(self, *, rpc_url: str, pid: int) -> None:
        self.rpc_url = rpc_url
        self.token = TOKEN
        self.pid = pid
        # Never through a proxy of the environment: the devnet is loopback only.
        self._http = httpx.Client(trust_env=False, timeout=30)

    def call(self, method: str, *parameters: object) -> object:
        """The JSON `result` of one call, which may be null.

        raises: DevnetRefused with anvil's own text.
        """
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer: dict[str, dict[str, object]] = self._http.post(self.rpc_url, json=body).json()
        if "error" in answer:
            raise DevnetRefused(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def head(self) -> int:
        """The number of the latest block."""
        return int(str(self.call("eth_blockNumber")), 16)

    def block_hash(self, number: int) -> str:
        """The hash of the block at this height on the chain as it is now."""
        block = self.call("eth_getBlockByNumber", hex(number), False)
        assert isinstance(block, dict), f"there is no block {number}"
        return str(block["hash"])

    def mine(self, blocks: int = 1) -> int:
        """Mine so many blocks now; the new head's number."""
        self.call("anvil_mine", hex(blocks))
        return self.head()

    def reorg(self, depth: int, transactions: Sequence[tuple[object, int]] = ()) -> None:
        """Replace the last `depth` blocks; their transactions vanish unless listed again.

        `transactions` holds (raw transaction or call object, index of the new block below `depth`).
        """
        self.call("anvil_reorg", depth, [[sent, index] for sent, index in transactions])

    def rollback(self, depth: int) -> None:
        """Cut the last `depth` blocks off: the head goes backwards."""
        self.call("anvil_rollback", depth)

    def snapshot(self) -> str:
        """Remember the whole chain; `revert` with the value returned goes back to it, once."""
        return str(self.call("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot."""
        assert self.call("evm_revert", snapshot), f"snapshot {snapshot} is gone"

    def set_block_seconds(self, seconds: int) -> None:
        """Mine a block each so many seconds from now on; 0 stops the clock until `mine`."""
        self.call("evm_setAutomine", False)
        self.call("evm_setIntervalMining", seconds)

    def give_ether(self, address: str, wei: int = 10**21) -> None:
        """Set the address's balance, so that it can pay for gas."""
        self.call("anvil_setBalance", address, hex(wei))

    def send(self, sender: str, to: str, calldata: str) -> str:
        """Send a transaction in the name of any address, without its key; the hash, not yet mined."""
        self.give_ether(sender)
        call = {"from": sender, "to": to, "data": calldata, "gas": hex(200_000)}
        return str(self.call("eth_sendTransaction", call))

    def mint(self, to: str, units: int) -> str:
        """Mint test USDC; the hash, not yet mined."""
        return self.send(to, self.token, "0x40c10f19" + _word(int(to, 16)) + _word(units))

    def transfer(self, sender: str, to: str, units: int) -> str:
        """Send test USDC in the name of `sender`; the hash, not yet mined."""
        return self.send(sender, self.token, "0xa9059cbb" + _word(int(to, 16)) + _word(units))

    def balance(self, address: str) -> int:
        """The address's test USDC, in millionths."""
        call = {"to": self.token, "data": "0x70a08231" + _word(int(address, 16))}
        return int(str(self.call("eth_call", call, "latest")), 16)

    def close(self) -> None:
        """Close the connection; the process is stopped by `start`."""
        self._http.close()


@contextmanager
def start(
    folder: Path | None = None,
    *,
    port: int = 0,
    block_seconds: int = 1,
    slots_in_an_epoch: int = 1,
) -> Iterator[Devnet]:
    """Run a devnet on loopback for as long as the block lasts.

    `folder` keeps chain and log from one run to the next; None forgets them. `port` 0 takes a free one.
    `block_seconds` 0 mines nothing by itself: blocks come from `mine`. `safe` trails the head by
    `slots_in_an_epoch` blocks, `finalized` by twice as many.

    raises: DevnetNotInstalled, DevnetDidNotStart
    """
    binary = _binary()
    with _scratch(folder) as scratch:
        kept = folder if folder is not None else scratch
        command = [str(binary), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)]
        # No dev accounts, so no keys in the log; any address can be spoken for instead.
        command += ["--accounts", "0", "--auto-impersonate", "--cache-path", str(scratch)]
        command += ["--slots-in-an-epoch", str(slots_in_an_epoch)]
        command += ["--block-time", str(block_seconds)] if block_seconds else ["--no-mining"]
        if folder is not None:
            command += ["--state", str(kept / "anvil-state.json"), "--state-interval", "10"]
        with _running(command, log=kept / "anvil.log") as net:
            _install_token(net)
            yield net


@contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    """A folder for what anvil needs only while it runs; inside `folder`, whoever was killed leaves one."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="pennyrail-devnet-") as made:
            yield Path(made)
        return
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _running(command: list[str], *, log: Path) -> Iterator[Devnet]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own group: Ctrl-C reaches us alone, and anvil is stopped after those who use it.
            process_group=0,
            preexec_fn=_die_with_parent(),
        )
    try:
        net = Devnet(rpc_url=f"http://127.0.0.1:{_port(process, log)}", pid=process.pid)
        try:
            net.call("anvil_setLoggingEnabled", False)
            yield net
        finally:
            net.close()
    finally:
        _stop(process)


def _binary() -> Path:
    for root in (Path.cwd(), token.REPOSITORY):
        if (root / BUNDLED).is_file():
            return root / BUNDLED
    configured = DevnetSettings().anvil
    if configured is not None and configured.is_file():
        return configured
    found = shutil.which("anvil")
    if found is None:
        raise DevnetNotInstalled(
            "no anvil in node_modules, in PENNYRAIL_ANVIL or on the PATH; run `make install`"
        )
    return Path(found)


def _die_with_parent() -> Callable[[], None] | None:
    # A killed Python runs no `finally`. The kernel can tell anvil, but it watches the starting *thread*,
    # so only the main thread may ask for it.
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        listening = re.search(rb"Listening on 127\.0\.0\.1:(\d+)", log.read_bytes())
        if listening:
            return int(listening[1])
        time.sleep(0.01)
    last_lines = log.read_text(errors="replace")[-500:]
    raise DevnetDidNotStart(f"anvil did not listen within {START_SECONDS} s; it said: {last_lines}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _install_token(net: Devnet) -> None:
    if net.call("eth_getCode", TOKEN, "latest") == "0x":
        net.call("anvil_setCode", TOKEN, token.contract().runtime)


def _word(value: int) -> str:
    return f"{value:064x}"
