"""Where `pennyrail dev` keeps its data unless it is told otherwise."""

from pathlib import Path
from typing import Final

DEV_FOLDER: Final = Path(".pennyrail/dev")
