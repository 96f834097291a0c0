"""Which blocks each policy counts."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from rails.chain import finality
from rails.chain.node import Header, Heads
from rails.chain.settings import BASE_USDC, ChainSettings
from tests.chain.fakes import NOON


def block(number: int) -> Header:
    return Header(number, f"0x{number:064x}", NOON + timedelta(seconds=2 * number))


@pytest.mark.parametrize(
    ("policy", "confirmed"), [("safe", 80), ("finalized", 50), ("latest+1", 100), ("latest+12", 89)]
)
def test_a_policy_counts_blocks_up_to_its_depth(policy: str, confirmed: int) -> None:
    heads = Heads(latest=block(100), safe=block(80), finalized=block(50))

    assert finality.parse(policy).confirmed(heads) == confirmed


@pytest.mark.parametrize("policy", ["safe", "finalized"])
def test_a_policy_whose_tag_is_absent_counts_nothing(policy: str) -> None:
    heads = Heads(latest=block(100), safe=None, finalized=None)

    assert finality.parse(policy).confirmed(heads) is None


@pytest.mark.parametrize("policy", ["safe", "finalized"])
def test_a_tag_from_a_node_ahead_counts_only_up_to_our_head(policy: str) -> None:
    heads = Heads(latest=block(100), safe=block(120), finalized=block(110))

    assert finality.parse(policy).confirmed(heads) == 100


@pytest.mark.parametrize(
    "text", ["", "latest", "latest+0", "latest+-1", "latest+1.5", "pending", "SAFE", "12"]
)
def test_what_is_no_depth_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no depth"):
        finality.parse(text)


@pytest.mark.parametrize("text", ["safe", "finalized", "latest+7"])
def test_a_policy_is_written_as_it_is_read(text: str) -> None:
    assert str(finality.parse(text)) == text


def test_settings_come_from_the_environment_and_keep_the_url_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENNYRAIL_BASE_RPC_URL", "https://node.invalid/v2/s3cr3t")
    monkeypatch.setenv("PENNYRAIL_CHAIN_DEPTH", "latest+7")
    monkeypatch.setenv("PENNYRAIL_CHAIN_PASS_BLOCKS", "300")

    settings = ChainSettings()

    assert settings.depth == finality.Confirmations(7)
    assert settings.limits.pass_blocks == 300
    assert settings.usdc_address == BASE_USDC
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENNYRAIL_CHAIN_DEPTH", "deep"),
        ("PENNYRAIL_USDC_ADDRESS", "0x12"),
        ("PENNYRAIL_CHAIN_CHUNK_BLOCKS", "0"),
    ],
)
def test_a_setting_that_makes_no_sense_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("PENNYRAIL_BASE_RPC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        ChainSettings()
