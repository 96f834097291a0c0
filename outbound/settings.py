"""Settings of outgoing webhooks."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from outbound import vault
from outbound.addresses import Rules
from outbound.errors import NoKey


class OutboundSettings(BaseSettings):
    """Where webhooks may go, and how long we try. Without a key there are none."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_WEBHOOK_", frozen=True)

    keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="keys for the endpoints' secrets, the newest first, separated by commas"
    )
    ports: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(443, 8443), description="ports an endpoint may have, separated by commas"
    )
    allow_loopback: bool = Field(
        default=False, description="plain http to this machine, for a sandbox; live mode refuses it"
    )
    timeout_seconds: float = Field(default=10, ge=1, le=30, description="for one try, from name to answer")
    disable_after_hours: float = Field(
        default=120, gt=0, description="an endpoint that took nothing for so long is disabled"
    )
    at_once: int = Field(default=32, ge=1, le=256, description="deliveries under way at the same time")
    at_once_each: int = Field(default=4, ge=1, le=64, description="of which to one endpoint")

    @field_validator("keys", "ports", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return given

    @field_validator("keys")
    @classmethod
    def _keys_are_keys(cls, given: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if given:
            try:
                vault.Vault.of([key.get_secret_value() for key in given])
            except ValueError:
                raise ValueError("not a key; `pennyrail webhook-endpoint keygen` makes one") from None
        return given

    @property
    def vault(self) -> vault.Vault:
        """What keeps the endpoints' secrets.

        raises: NoKey
        """
        if not self.keys:
            raise NoKey(
                "PENNYRAIL_WEBHOOK_KEYS is not set; `pennyrail webhook-endpoint keygen` prints a key for it"
            )
        return vault.Vault.of([key.get_secret_value() for key in self.keys])

    @property
    def rules(self) -> Rules:
        """Where webhooks may go."""
        return Rules(ports=frozenset(self.ports), loopback=self.allow_loopback)
