"""`pennyrail chain` over a real node: what an operator sees and does."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from app.chain_cli import cli
from ledger.database import Sessions
from rails.chain import alarms
from rails.chain.alarms import Kind
from sandbox import devnet
from sandbox.devnet import Devnet
from tests.chain.fakes import CHAIN_ID, SHOP, states
from tests.chain.test_scanner import pay
from tests.chain.watching import Watcher, watching


@pytest.fixture
def net(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Devnet]:
    with devnet.start(block_seconds=0, slots_in_an_epoch=4) as net:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("PENNYRAIL_BASE_RPC_URL", net.rpc_url)
        net.mine(20)
        yield net


@pytest.fixture
def own(net: Devnet, sessions: Sessions) -> Iterator[Watcher]:
    with watching(sessions, net.rpc_url) as own:
        yield own


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, list(arguments), input=typed)


def test_the_status_of_a_chain_that_was_never_read_says_so(net: Devnet) -> None:
    shown = run("status")

    assert shown.exit_code == 0, shown.output
    assert "never read" in shown.output
    assert "no open alarms" in shown.output


def test_the_status_shows_how_far_was_read_through_which_nodes(net: Devnet, own: Watcher) -> None:
    pay(net)
    own.read(datetime.now(UTC))

    shown, plain = run("status"), json.loads(run("status", "--json").output)

    assert "block 22, 0 behind the head 22" in shown.output
    assert net.rpc_url in shown.output
    assert plain["watcher"]["block_number"] == 22
    assert plain["nodes"] == [{"origin": net.rpc_url, "head": 22, "finalized": 14, "problem": ""}]
    assert (plain["deposits"], plain["open_alarms"]) == ({"seen": 1}, 0)


def test_an_open_alarm_is_shown_and_is_the_exit_code(net: Devnet, own: Watcher) -> None:
    now = datetime.now(UTC)
    with own.sessions() as session:
        alarms.ring(session, Kind.HEAD_AGE, "it stands", chain_id=CHAIN_ID, now=now)

    shown, plain = run("status"), run("status", "--json")
    with own.sessions() as session:
        alarms.calm(session, Kind.HEAD_AGE, chain_id=CHAIN_ID, now=now)
    ended = run("status", "--history", "5")

    assert (shown.exit_code, plain.exit_code, ended.exit_code) == (1, 1, 0)
    assert "head_age since" in shown.output
    assert json.loads(plain.output)["alarms"][0]["kind"] == "head_age"
    assert "ended" in ended.output


def test_a_node_that_does_not_answer_is_shown_and_is_no_failure_of_the_command(
    net: Devnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_BASE_RPC_URLS", "http://127.0.0.1:1/v2/s3cr3t-key")

    shown = run("status")

    assert shown.exit_code == 0
    assert "http://127.0.0.1:1: ConnectionRefusedError" in shown.output
    assert "s3cr3t" not in shown.output


def test_a_rescan_says_what_it_read_and_what_is_still_the_watchers(net: Devnet, own: Watcher) -> None:
    own.read()

    shown = run("rescan", "5", "5000")
    beyond = run("rescan", "4000", "5000")

    assert "blocks 5 to 20: 0 transfers seen, 0 of them new" in shown.output
    assert "blocks from 21 on are still the watcher's to read" in shown.output
    assert "nothing was read: the watcher has not come to block 4000 yet" in beyond.output


def test_a_rescan_backwards_is_refused_with_the_reason(net: Devnet) -> None:
    refused = run("rescan", "9", "5")

    assert refused.exit_code == 2
    assert "the last block, 5, is before the first, 9" in refused.output


def test_a_restart_is_refused_while_the_watcher_has_not_stopped(net: Devnet, own: Watcher) -> None:
    own.read()

    refused = run("restart", "10", "--yes")

    assert refused.exit_code == 1
    assert "the watcher has not stopped" in refused.output


def test_a_restart_asks_goes_on_and_names_the_final_deposits_that_are_gone(net: Devnet, own: Watcher) -> None:
    sent = pay(net)
    net.mine(10)
    own.read()
    net.reorg(12)
    net.mine(2)
    own.read()

    stopped, refused = run("status"), run("restart", "20", typed="n\n")
    still = own.cursor().deeper_than_final_at
    shown = run("restart", "20", typed="y\n")
    own.read(datetime.now(UTC))

    assert "STOPPED" in stopped.output
    assert "pennyrail chain restart BLOCK" in stopped.output
    assert (refused.exit_code, still is None) == (1, False)
    assert shown.exit_code == 0, shown.output
    assert f"5000000 units to {SHOP} in block 22, {sent}" in shown.output
    assert own.kinds() == set()
    assert states(own.sessions) == ["final"]
