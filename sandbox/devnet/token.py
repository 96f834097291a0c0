"""The test USDC of the devnet: compiled once a source, kept in the repository's cache folder."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from sandbox.devnet.errors import DevnetNotInstalled

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


class Contract(msgspec.Struct, frozen=True):
    """A compiled contract: how to call it, and the code that lives at its address."""

    abi: list[dict[str, object]]
    runtime: str


def contract() -> Contract:
    """The compiled TestUSDC, from the cache when source and compile script are unchanged.

    raises: DevnetNotInstalled
    """
    source = (HERE / "TestUSDC.sol").read_bytes()
    script = (HERE / "compile.mjs").read_bytes()
    digest = hashlib.sha256(source + script).hexdigest()[:16]
    cached = REPOSITORY / ".pennyrail" / "cache" / f"TestUSDC-{digest}.json"
    if not cached.exists():
        _keep(cached, _compile(source))
    return msgspec.json.decode(cached.read_bytes(), type=Contract)


def _keep(path: Path, content: bytes) -> None:
    # Renamed into place, or a second process could read half a file.
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _compile(source: bytes) -> bytes:
    node = shutil.which("node")
    if node is None:
        raise DevnetNotInstalled(
            "node is not on the PATH; install Node.js 20 or newer, then run `make install`"
        )
    if not (REPOSITORY / "node_modules" / "solc").is_dir():
        raise DevnetNotInstalled("the Solidity compiler is missing from node_modules; run `make install`")
    ended = subprocess.run(
        [node, str(HERE / "compile.mjs")],
        input=source,
        capture_output=True,
        cwd=REPOSITORY,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, f"TestUSDC.sol does not compile: {ended.stderr.decode()}"
    return ended.stdout
