"""Settings of the rail `stripe_checkout`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CheckoutSettings(BaseSettings):
    """Where a person comes back to, and whether the rail is open."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    public_url: str = Field(description="the address this service is reached at from outside")
    stripe_checkout_closed: str = Field(default="", description="why nobody may pay this way, empty if open")
