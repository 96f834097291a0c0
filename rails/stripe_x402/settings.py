"""Settings of the rail `stripe_x402.exact.usdc`."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Strategy = Literal["deposit", "transaction_verification"]


class X402Settings(BaseSettings):
    """How new payments are opened, how long one witness waits for the other, and whether the rail is open."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    stripe_x402_strategy: Strategy = Field(
        default="deposit",
        description="an address for each payment, or one for each agent whose transfers are shown to Stripe",
    )
    witness_grace_seconds: int = Field(
        default=900,
        ge=1,
        description="how long Stripe and the chain may disagree before somebody has to look",
    )
    stripe_x402_closed: str = Field(default="", description="why nobody may pay this way, empty if open")
