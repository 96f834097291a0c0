"""Which chain is read, through which node, and how deep a payment must lie."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from rails.chain import finality, scanner, transfers

BASE_CHAIN_ID = 8453
BASE_USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"


def _depth(text: str) -> str:
    return str(finality.parse(text))


class ChainSettings(BaseSettings):
    """Read from PENNYRAIL_*. Only the node's address has no default."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", extra="ignore")

    base_rpc_url: SecretStr
    """A node's address; secret, because providers put the key into it."""
    base_chain_id: int = BASE_CHAIN_ID
    usdc_address: Annotated[str, AfterValidator(transfers.address)] = BASE_USDC
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
