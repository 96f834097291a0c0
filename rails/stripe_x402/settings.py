"""Settings of the rail `stripe_x402.exact.usdc`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class X402Settings(BaseSettings):
    """How long one witness waits for the other, and whether the rail is open."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    witness_grace_seconds: int = Field(
        default=900,
        ge=1,
        description="how long Stripe and the chain may disagree before somebody has to look",
    )
    stripe_x402_closed: str = Field(default="", description="why nobody may pay this way, empty if open")
