"""The Dockerfile as a list of instructions, stage by stage."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction; `stage` is empty before the first FROM."""

    stage: str
    word: str
    rest: str


def read() -> list[Instruction]:
    """The instructions of the Dockerfile in their order, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    found, stage = [], ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append(Instruction(stage, word, re.sub(r" +", " ", rest.strip())))
    return found
