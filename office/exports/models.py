"""The row of an export. The constraints stand in 0024_exports.sql."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _time() -> datetime | None:
    found: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    return found


class Export(SQLModel, table=True):
    """What somebody wants to have in a file, how far it is, and where the file is.

    `tries` is the number of the worker's turn: one that comes back late has an older one, and writes nothing.
    """

    number: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    export_id: str = Field(sa_type=Text, unique=True)
    data_set: str = Field(sa_type=Text)
    format: str = Field(sa_type=Text)
    parameters: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    file_name: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    state: str = Field(default="asked", sa_type=Text)
    about_rows: int | None = Field(default=None, sa_type=BigInteger)
    rows: int = Field(default=0, sa_type=BigInteger)
    tries: int = 0
    lease_until: datetime | None = _time()
    begun_at: datetime | None = _time()
    ended_at: datetime | None = _time()
    failure: str | None = Field(default=None, sa_type=Text)
    file: str | None = Field(default=None, sa_type=Text)
    bytes: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = Field(default=None, sa_type=Text)

    @property
    def open(self) -> bool:
        """Whether it is still to be made."""
        return self.state in ("asked", "running")

    @property
    def percent(self) -> int:
        """How far it is; 99 until it is done, for the number of rows is guessed."""
        if not self.open:
            return 100
        return min(99, self.rows * 100 // self.about_rows) if self.about_rows else 0
