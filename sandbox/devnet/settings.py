"""Where the devnet finds its programs."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class DevnetSettings(BaseSettings):
    """Read from PENNYRAIL_*; every field has a default that works after `make install`."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", extra="ignore")

    anvil: Path | None = None
    """An anvil binary to use where node_modules has none for this platform."""
