"""Which chain is read, through which node, and how deep a payment must lie."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rails.chain import finality, scanner, transfers
from rails.chain.watcher import Plan

BASE_CHAIN_ID = 8453
BASE_USDBC = "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"
"""Bridged dollars that wallets show beside USDC; nobody redeems them for us."""
BASE_USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"


def _depth(text: str) -> str:
    return str(finality.parse(text))


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A port that is no number. Its own words would tell a part of the address.
        return False


class ChainSettings(BaseSettings):
    """Read from PENNYRAIL_*. Only the node's address has no default."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", extra="ignore")

    base_rpc_url: SecretStr
    """A node's address; secret, because providers put the key into it."""
    base_rpc_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """More nodes, of other providers: one is read, the others must agree; separated by commas."""
    base_chain_id: int = BASE_CHAIN_ID
    usdc_address: Annotated[str, AfterValidator(transfers.address)] = BASE_USDC
    other_tokens: Annotated[tuple[Annotated[str, AfterValidator(transfers.address)], ...], NoDecode] = (
        BASE_USDBC,
    )
    """Look-alikes whose transfers to our addresses are kept, and are never a payment."""
    chain_depth: Annotated[str, AfterValidator(_depth)] = "safe"
    """safe, finalized, or latest+N."""
    chain_deadline_seconds: float = Field(default=10, gt=0)
    """For one call to the node, from connecting to the last byte."""
    chain_chunk_blocks: int = Field(default=500, ge=1)
    """Blocks a call of eth_getLogs."""
    chain_pass_blocks: int = Field(default=2_000, ge=1)
    """Blocks a pass, so that a long catch-up commits on the way."""
    chain_start_margin_blocks: int = Field(default=1_800, ge=0)
    """How far behind the head the first pass ever starts: an hour of Base."""
    chain_agreement: int = Field(default=2, ge=1, le=9)
    """How many nodes must tell the same block before it counts; as many as there are, if they are fewer.

    With two nodes, 2 grants nothing while one of them is down, and 1 goes on with the other alone. A node
    that tells another block is a veto in any case.
    """
    chain_lease_seconds: float = Field(default=30, ge=1, le=600)
    """After so long without a sign of life another worker takes over."""
    chain_head_alarm_seconds: float = Field(default=60, gt=0)
    """The newest block may be so old."""
    chain_cursor_alarm_seconds: float = Field(default=120, gt=0)
    """So long without a pass, or so far behind the newest block."""
    chain_balance_addresses: int = Field(default=100, ge=0, le=10_000)
    """Addresses whose balance is compared in one go, every five minutes."""

    @field_validator("base_rpc_urls", "other_tokens", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return given

    @field_validator("base_rpc_url")
    @classmethod
    def _is_an_address(cls, given: SecretStr) -> SecretStr:
        if not _names_a_host(given.get_secret_value()):
            raise ValueError("must be http:// or https:// and name a host")
        return given

    @field_validator("base_rpc_urls")
    @classmethod
    def _are_addresses(cls, given: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(_names_a_host(each.get_secret_value()) for each in given):
            raise ValueError("each must be http:// or https:// and name a host")
        return given

    @property
    def node_urls(self) -> tuple[str, ...]:
        """All nodes, each once, the one that is asked first in front."""
        urls = (self.base_rpc_url, *self.base_rpc_urls)
        return tuple(dict.fromkeys(url.get_secret_value() for url in urls))

    @property
    def plan(self) -> Plan:
        """What the watcher reads, and how."""
        return Plan(
            token=self.usdc_address,
            others=tuple(token for token in self.other_tokens if token != self.usdc_address),
            policy=self.depth,
            limits=self.limits,
            agreement=self.chain_agreement,
            lease_seconds=self.chain_lease_seconds,
            head_age=timedelta(seconds=self.chain_head_alarm_seconds),
            cursor_age=timedelta(seconds=self.chain_cursor_alarm_seconds),
            balance_addresses=self.chain_balance_addresses,
        )

    @property
    def depth(self) -> finality.Depth:
        """The policy that `chain_depth` names."""
        return finality.parse(self.chain_depth)

    @property
    def limits(self) -> scanner.Limits:
        """How much one call and one pass may take."""
        return scanner.Limits(
            chunk_blocks=self.chain_chunk_blocks,
            pass_blocks=self.chain_pass_blocks,
            start_margin_blocks=self.chain_start_margin_blocks,
        )
