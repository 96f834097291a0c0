"""Settings of the operators' console."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from outbound.vault import Vault

NO_KEY = "PENNYRAIL_CONSOLE_KEYS is not set; `pennyrail ops keygen` prints a key for it"


class ConsoleSettings(BaseSettings):
    """Who may come in, and for how long. Without a key there is no console."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_CONSOLE_", frozen=True)

    keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="keys for what operators prove themselves with, newest first, by commas"
    )
    idle_minutes: int = Field(default=30, ge=1, le=480, description="a session that does nothing ends")
    absolute_hours: int = Field(default=12, ge=1, le=72, description="and every session ends then")
    step_up_minutes: int = Field(default=5, ge=1, le=60, description="how long a code counts for money")
    invite_hours: int = Field(default=72, ge=1, le=720, description="how long an invitation is good")
    sso_issuer: str = Field(
        default="", pattern=r"^$|^https?://\S+$", description="OpenID Connect issuer; empty: none"
    )
    sso_client_id: str = ""
    sso_client_secret: SecretStr = SecretStr("")

    @field_validator("keys", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return given

    @field_validator("keys")
    @classmethod
    def _keys_are_keys(cls, given: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        try:
            Vault.of([key.get_secret_value() for key in given]) if given else None
        except ValueError:
            raise ValueError("not a key; `pennyrail ops keygen` makes one") from None
        return given

    @property
    def open(self) -> bool:
        """Whether there is a console at all."""
        return bool(self.keys)

    @property
    def vault(self) -> Vault:
        """What keeps the secrets of second factors; only if `open`."""
        return Vault.of([key.get_secret_value() for key in self.keys])
