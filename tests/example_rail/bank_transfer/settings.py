"""Settings of the rail `bank_transfer`. Without an address and a key it refuses to start."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class BankTransferSettings(BaseSettings):
    """How the processor is reached, and whether the rail is open."""

    model_config = SettingsConfigDict(env_prefix="BANK_TRANSFER_")

    api_base: str = Field(description="the address of the processor's API")
    api_key: SecretStr = Field(min_length=16, description="the key of the processor's API")
    live: bool = Field(default=False, description="whether this key moves real money")
    closed: str = Field(default="", description="why nobody may pay this way, empty if open")
    timeout_seconds: float = Field(default=10, gt=0)
