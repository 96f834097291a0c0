"""Settings of what one operator may do alone, and of how long a proposal stands."""

from datetime import timedelta
from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProposalSettings(BaseSettings):
    """When a second person has to agree."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_CONSOLE_", frozen=True)

    alone_most_cents: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000_000,
        description="what one operator refunds or writes off alone in a day of UTC; more takes a second one",
    )
    proposal_hours: int = Field(
        default=72, ge=1, le=720, description="how long a proposal waits for somebody's decision"
    )

    @property
    def proposal_lifetime(self) -> timedelta:
        """How long a proposal waits for somebody's decision."""
        return timedelta(hours=self.proposal_hours)


@lru_cache
def proposals() -> ProposalSettings:
    """The settings of proposals, read once."""
    return ProposalSettings()
