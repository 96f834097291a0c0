"""The guides for people, as tests read them."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "guides"
NAMES: Final = tuple(sorted(page.stem for page in FOLDER.glob("*.md")))


def text(name: str) -> str:
    """The guide of this name."""
    return (FOLDER / f"{name}.md").read_text()


def blocks(name: str, language: str) -> list[str]:
    """The blocks of a guide in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(name), re.MULTILINE | re.DOTALL)


def lines(script: str) -> list[str]:
    """The commands of a script, each as one line."""
    joined = script.replace("\\\n", " ")
    return [line for line in map(str.strip, joined.splitlines()) if line and not line.startswith("#")]
