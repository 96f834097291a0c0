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
    retired_watch_days: int = Field(
        default=365, ge=0, le=3650, description="how much longer, so that no money is lost by who comes late"
    )
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
    def watch(self) -> timedelta:
        """How long after its end a payer was promised that a deposit address is watched."""
        return timedelta(days=self.watch_days)

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


Outcome = Literal["review", "credit"]


class PolicySettings(BaseSettings):
    """What becomes of a payment that is not as it was asked for; agents read it before they pay.

    `review`: a person decides. `credit`: what arrived is credited once it is final, a credit a whole cent.
    """

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_POLICY_", frozen=True)

    underpaid: Outcome = Field(default="review", description="less than the exact amount")
    overpaid: Outcome = Field(default="review", description="one transfer of more than the exact amount")
    topped_up: Outcome = Field(default="review", description="several that make the exact amount together")
    late: Outcome = Field(default="review", description="sent after the time to pay, by the chain's clock")
    credit_depth: Literal["confirmed", "final"] = Field(
        default="confirmed", description="how deep a transfer lies before a person may credit it"
    )


@lru_cache
def policy() -> PolicySettings:
    """The settings of the policy, read once."""
    return PolicySettings()


@lru_cache
def story() -> StorySettings:
    """The settings of the story, read once."""
    return StorySettings()
