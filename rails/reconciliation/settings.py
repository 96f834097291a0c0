"""Settings of reconciliation: how late a witness may speak."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReconciliationSettings(BaseSettings):
    """How long one side of a payment may be alone, and how far back is read again."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_RECONCILE_", frozen=True)

    missing_after_seconds: int = Field(
        default=86_400, ge=0, description="how long one witness of a payment may be alone"
    )
    overlap_seconds: int = Field(
        default=172_800, ge=0, description="how far back the processor's books are read again"
    )
    payout_days: int = Field(
        default=40, ge=1, le=400, description="how long the state of a payout may change"
    )

    @property
    def missing_after(self) -> timedelta:
        """How long one witness of a payment may be alone."""
        return timedelta(seconds=self.missing_after_seconds)

    @property
    def overlap(self) -> timedelta:
        """How far back the processor's books are read again."""
        return timedelta(seconds=self.overlap_seconds)
