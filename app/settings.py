"""Settings of the doors."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DoorSettings(BaseSettings):
    """What agents are told, and how much they may send."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    public_url: str = Field(description="the address this service is reached at from outside")
    client_command: str = Field(
        default="pennyrail", min_length=1, description="the client's name in every suggested command"
    )
    docs_url: str = Field(
        default="", description="where recovery points to, empty for our own API description"
    )
    default_rail: str = Field(
        default="stripe_checkout", description="the rail of a quote request that names none"
    )
    body_max_bytes: int = Field(default=16_384, ge=1024, description="the largest request body that is read")
    activity_max_rows: int = Field(default=100, ge=1, le=1000)
    low_credits: int = Field(default=20, ge=0, description="a balance under this is worth a top-up")
    preview_credits: int = Field(
        default=20, ge=0, le=1_000_000, description="free credits of a new agent; 0 gives none"
    )
    preview_daily_jobs: int = Field(
        default=4, ge=0, le=1_000_000, description="jobs a day of an agent that has only free credits"
    )

    @property
    def base_url(self) -> str:
        """The public address without a slash at its end."""
        return self.public_url.rstrip("/")

    @property
    def documentation(self) -> str:
        """Where an agent reads on."""
        return self.docs_url or f"{self.base_url}/openapi.json"
