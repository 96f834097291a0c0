"""Settings of the API server's door."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class InternalSettings(BaseSettings):
    """How the door writes, and what a job costs."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_INTERNAL_", frozen=True)

    writers: int = Field(default=1, ge=1, le=64, description="connections that write, each for itself")
    group_most: int = Field(
        default=100, ge=1, le=1000, description="operations in one commit; 1 commits each by itself"
    )
    queue_most: int = Field(
        default=2000, ge=1, description="callers that may wait; whoever comes then is asked to come back"
    )
    body_max_bytes: int = Field(default=131_072, ge=1024, description="the largest request body that is read")
    token_cache_seconds: float = Field(
        default=3, ge=0, le=10, description="how long a revoked token may still be taken for valid"
    )
    margin_bps: int = Field(
        default=3000, ge=0, le=1_000_000, description="put on a provider's cost, in hundredths of a percent"
    )
    rate_card_file: str = Field(default="", description="JSON file of models, their credits and their cost")
