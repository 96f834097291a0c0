"""docs/api.md, the API reference; `make schema` writes it anew from the document that the service serves."""

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "api.md"
