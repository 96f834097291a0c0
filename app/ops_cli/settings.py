"""Where an operator's commands go, and where the session is kept."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class OpsSettings(BaseSettings):
    """Read on the operator's machine, never by the service."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_OPS_", frozen=True)

    url: str = Field(default="", description="the service, if not the one that was signed in at")
    token: SecretStr = Field(default=SecretStr(""), description="a session's token, if not the saved one")
    session_file: str = Field(default="", description="where the session is kept")

    @property
    def file(self) -> Path:
        """Where the session is kept."""
        if self.session_file:
            return Path(self.session_file)
        return Path.home() / ".config" / "pennyrail" / "operator.json"
