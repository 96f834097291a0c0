"""Settings of the workers: where wake-up calls travel, and how often the clock strikes."""

from functools import lru_cache
from urllib.parse import urlsplit

from pydantic import Field, field_validator
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

    @field_validator("redis_url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        # Celery takes an empty one for a broker of its own choice, and works on without the house.
        if not _is_redis(given):
            raise ValueError("must be an address like redis://host:port/number, or rediss://")
        return given


class DrainSettings(BaseSettings):
    """How a process ends that was asked to (SIGTERM)."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_DRAIN_", frozen=True)

    linger_seconds: float = Field(
        default=3, ge=0, le=60, description="how long the API says that it is not ready, and still answers"
    )
    finish_seconds: int = Field(
        default=25, ge=1, le=600, description="how long requests and tasks that are under way may take"
    )


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("redis", "rediss") and parts.port != 0
    except ValueError:
        # A port that is no number. Its own words would tell a part of the address.
        return False


@lru_cache
def queue() -> QueueSettings:
    """The settings of the queue, read once."""
    return QueueSettings()
