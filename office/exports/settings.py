"""Settings of exports."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from office.exports.errors import NoFolder


class ExportSettings(BaseSettings):
    """Where exports are kept, how long, and how many are made at a time."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_EXPORT_", frozen=True)

    folder: Path | None = Field(
        default=None, description="where files are kept; workers and API must both see it"
    )
    keep_days: float = Field(default=7, gt=0, description="then a file is removed")
    at_once: int = Field(default=1, ge=1, le=32, description="exports that are written at the same time")

    @field_validator("folder", mode="before")
    @classmethod
    def _nothing_is_no_folder(cls, given: object) -> object:
        return given or None

    @property
    def kept_in(self) -> Path:
        """The folder.

        raises: NoFolder
        """
        if self.folder is None:
            raise NoFolder
        return self.folder
