"""The pretend Base: its token, its wallet, its levers, and its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox import devnet
from sandbox.devnet import anvil, token
from sandbox.wallet import Wallet

SHOP = "0x" + "51" * 20


def test_a_new_wallet_pays_in_usdc_at_bases_address() -> None:
    with devnet.start(block_seconds=1) as net:
        wallet = Wallet.create(net.rpc_url, usdc_units=7_000_000)

        sent = wallet.send_usdc(SHOP, 5_000_000)

        assert net.call("eth_chainId") == "0x2105"
        assert sent.startswith("0x")
        assert net.balance(SHOP) == 5_000_000
        assert wallet.usdc_units() == 2_000_000


def test_the_key_of_a_wallet_shows_nowhere() -> None:
    with devnet.start(block_seconds=0) as net:
        wallet = Wallet.create(net.rpc_url, usdc_units=0)

        key = wallet._account.key.hex()

    assert key not in f"{wallet!r} {wallet} {vars(wallet)}"


def test_a_chain_in_a_folder_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with devnet.start(tmp_path, block_seconds=0) as net:
        net.mint(SHOP, 3)
        before = net.block_hash(net.mine(4))

    with devnet.start(tmp_path, block_seconds=0) as net:
        assert (net.head(), net.balance(SHOP)) == (4, 3)
        assert net.block_hash(4) == before


def test_without_a_clock_blocks_come_only_by_hand_and_with_one_by_themselves() -> None:
    with devnet.start(block_seconds=0) as net:
        time.sleep(1.2)
        still = net.head()
        net.set_block_seconds(1)
        time.sleep(1.5)

        assert still == 0
        assert net.head() >= 1


def test_a_reorg_keeps_the_height_and_changes_the_blocks() -> None:
    with devnet.start(block_seconds=0) as net:
        net.mint(SHOP, 3)
        replaced = net.block_hash(net.mine())

        net.reorg(1)

        assert net.head() == 1
        assert net.block_hash(1) != replaced
        assert net.balance(SHOP) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_node_ends_with_the_process_that_started_it(how: signal.Signals) -> None:
    program = """
import time
from sandbox import devnet
with devnet.start() as net:
    print(net.pid, flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())

        owner.send_signal(how)
        owner.wait(timeout=60)

        assert ended(pid)


def ended(pid: int) -> bool:
    """Whether the process is gone, or only waits for somebody to collect it."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_missing_anvil_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(anvil, "BUNDLED", Path("nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(devnet.DevnetNotInstalled, match="make install"), devnet.start():
        pass


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with devnet.start(block_seconds=0) as net:
        port = int(net.rpc_url.rsplit(":", 1)[1])

        with pytest.raises(devnet.DevnetDidNotStart), devnet.start(tmp_path, port=port):
            pass


def test_the_token_is_compiled_once_and_kept() -> None:
    first = token.contract()
    began_at = time.monotonic()

    again = token.contract()

    assert again == first
    assert time.monotonic() - began_at < 0.2
