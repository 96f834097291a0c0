"""Settings of the story: how long a price stands, and how long a payment is waited for."""

from datetime import timedelta
from functools import lru_cache
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StorySettings(BaseSettings):
    """How long quotes and attempts live, in seconds."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    quote_lifetime_seconds: int = Field(default=1800, ge=60, le=86400)
    # Stripe takes a Checkout expiry from 30 minutes to 24 hours after its own clock, hence the margin.
    attempt_lifetime_seconds: int = Field(default=3600, ge=1860, le=86000)
    opening_lease_seconds: int = Field(
        default=30,
        ge=1,
        le=600,
        description="how long one call alone may ask the processor to open a payment",
    )
    daily_spend_cents: int = Field(
        default=50_000, ge=0, description="what an agent may buy in a day of UTC; 0 is no limit"
    )
    watch_days: int = Field(default=30, ge=1, le=3650, description="how long a deposit address is watched")
    late_payment_seconds: int = Field(
        default=900, ge=0, le=86400, description="how long after its end a transfer may still be on its way"
    )
    fraud_warning: Literal["record", "freeze"] = Field(
        default="record", description="what an early fraud warning does: it is noted, or nothing new is spent"
    )
    dispute: Literal["record", "freeze"] = Field(
        default="record", description="what an open dispute does beside taking its credits back"
    )

    @property
    def late_payment(self) -> timedelta:
        """How long after its end a transfer may still be on its way."""
        return timedelta(seconds=self.late_payment_seconds)


class RegistrySettings(BaseSettings):
    """Which rails there are beside those that packages bring."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    rails: str = Field(
        default="", description="rails in folders of your own, module:build, separated by commas"
    )


@lru_cache
def story() -> StorySettings:
    """The settings of the story, read once."""
    return StorySettings()
