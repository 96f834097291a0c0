"""What part of the books an export is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from office.exports.errors import NotExportable


@dataclass(frozen=True, slots=True)
class Scope:
    """From `begins_at`, or from the beginning, until before `ends_at`; of one agent, or of all."""

    ends_at: datetime
    begins_at: datetime | None = None
    agent_id: str | None = None

    def __post_init__(self) -> None:
        if any(end is not None and end.tzinfo is None for end in (self.begins_at, self.ends_at)):
            raise NotExportable("a period begins and ends at moments with a zone")
        if self.agent_id is not None and not (self.agent_id.isprintable() and len(self.agent_id) <= 200):
            raise NotExportable("no agent has such an id")
        if self.begins_at is not None and self.ends_at <= self.begins_at:
            raise NotExportable("a period ends after it begins")

    def plain(self) -> dict[str, str]:
        """The scope in words, as `read` reads it."""
        told = {
            "begins_at": self.begins_at.astimezone(UTC).isoformat() if self.begins_at else None,
            "ends_at": self.ends_at.astimezone(UTC).isoformat(),
            "agent_id": self.agent_id,
        }
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def read(cls, plain: Mapping[str, str]) -> "Scope":
        """The scope that `plain` told."""
        begins_at = plain.get("begins_at")
        return cls(
            ends_at=datetime.fromisoformat(plain["ends_at"]),
            begins_at=datetime.fromisoformat(begins_at) if begins_at else None,
            agent_id=plain.get("agent_id"),
        )

    def given(self) -> dict[str, object]:
        """The parameters of a query: begins_at, ends_at, agent."""
        return {"begins_at": self.begins_at, "ends_at": self.ends_at, "agent": self.agent_id}


def day(written: str) -> datetime | None:
    """The first moment of a day in UTC, or the moment that was written; None if nothing was.

    raises: NotExportable
    """
    if not written.strip():
        return None
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        raise NotExportable(f"{written[:40]!r} is no day: write 2026-07-01") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
