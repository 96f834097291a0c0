"""What the book is told by its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LedgerSettings(BaseSettings):
    """The database of the house; there is no default, so that nobody writes to a wrong one by accident."""

    model_config = SettingsConfigDict()

    #: postgresql://user:password@host/database, PostgreSQL 15 or newer.
    database_url: str = Field(min_length=1)
    #: Connections that one process keeps open; it may open as many again under load.
    database_pool_size: int = Field(default=10, gt=0)
