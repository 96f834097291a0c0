"""Which test holds which row of the contract, read from the names of the tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
_NAME: Final = re.compile(r"test_row_(\d{3})_\w+")


def named_tests() -> Iterator[tuple[int, str]]:
    """The number of every row that a test is named after, and where that test is."""
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and (named := _NAME.fullmatch(node.name)):
                yield int(named[1]), f"{path.name}::{node.name}"
