"""Settings of `pennyrail mcp`: which service it speaks to, and as whom."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class McpSettings(BaseSettings):
    """Where the tools of a process on the agent's own machine go."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    api_base_url: str = Field(
        default="http://127.0.0.1:8402", description="the service that the tools speak to"
    )
    token: SecretStr = Field(
        default=SecretStr(""), description="the agent's token; empty until the tool sign_up is called"
    )
