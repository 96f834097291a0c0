"""Whether a history and the book say the same, and whether both say something that a house may say."""

from dataclasses import dataclass, field
from pathlib import Path

from ledger.database import Sessions


@dataclass
class Verdict:
    """What a history is worth. It is accepted if there are no violations; a search that gave up is one."""

    violations: list[str] = field(default_factory=list)
    acknowledged: int = 0
    agents: int = 0
    undecided: int = 0


def check(history: Path, sessions: Sessions) -> Verdict:
    """Compare what clients were told with the book. Ask when the house has come to rest."""
    raise NotImplementedError
