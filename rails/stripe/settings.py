"""Settings of Stripe, shared by its rails. An empty key or webhook secret refuses to start."""

from functools import lru_cache
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class StripeSettings(BaseSettings):
    """How to reach Stripe, and which webhook secrets are active."""

    model_config = SettingsConfigDict(env_prefix="STRIPE_")

    secret_key: SecretStr = Field(description="sk_... or rk_...")
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="every active whsec_..., separated by commas"
    )
    api_base: str = Field(default="", description="another address for the API, empty for Stripe itself")
    crypto_version: str = Field(default="2026-07-29.preview", description="Stripe-Version of deposit calls")
    webhook_age_seconds: int = Field(default=300, ge=30, le=3600)
    webhook_body_bytes: int = Field(default=1_048_576, ge=1024)
    connect_seconds: float = Field(default=5, gt=0)
    read_seconds: float = Field(default=20, gt=0)
    retries: int = Field(default=2, ge=0, le=5)

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given

    @field_validator("webhook_secrets")
    @classmethod
    def _every_secret_is_one(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        # An empty secret verifies what anybody can forge.
        if not secrets or any(len(secret.get_secret_value()) < 16 for secret in secrets):
            raise ValueError("STRIPE_WEBHOOK_SECRETS needs at least one secret, none empty or short")
        return secrets

    @field_validator("secret_key")
    @classmethod
    def _key_is_a_secret_key(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value().startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
            raise ValueError("STRIPE_SECRET_KEY must be a secret or restricted key of Stripe")
        return key

    @property
    def live(self) -> bool:
        """Whether this key moves real money."""
        return self.secret_key.get_secret_value()[2:].startswith("_live_")


@lru_cache
def stripe() -> StripeSettings:
    """The settings of Stripe, read once."""
    return StripeSettings()
