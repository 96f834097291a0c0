"""Settings of the workers: where wake-up calls travel, and how often the clock strikes."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class QueueSettings(BaseSettings):
    """The queue. It carries wake-up calls, never truth: flushing it loses nothing."""

    model_config = SettingsConfigDict()

    redis_url: str = Field(description="redis://host:port/number")
    pennyrail_sweep_seconds: float = Field(default=5, gt=0)
    pennyrail_watch_seconds: float = Field(default=2, gt=0)
    pennyrail_seal_seconds: float = Field(default=2, gt=0)
    pennyrail_expire_seconds: float = Field(default=5, gt=0)
    pennyrail_tell_seconds: float = Field(default=2, gt=0)
    pennyrail_figures_seconds: float = Field(default=30, gt=0)
    pennyrail_reconcile_seconds: float = Field(default=3600, gt=0)
    pennyrail_recover_seconds: float = Field(
        default=300, gt=0, description="how often Stripe's own list of events is read"
    )


class DrainSettings(BaseSettings):
    """How a process ends that was asked to (SIGTERM)."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_DRAIN_", frozen=True)

    linger_seconds: float = Field(
        default=3, ge=0, le=60, description="how long the API says that it is not ready, and still answers"
    )
    finish_seconds: int = Field(
        default=25, ge=1, le=600, description="how long requests and tasks that are under way may take"
    )


@lru_cache
def queue() -> QueueSettings:
    """The settings of the queue, read once."""
    return QueueSettings()
