"""How deep a parser may go where it serves: past Python's limit, nesting ends the process."""

import subprocess
import sys

import pytest

from tests.fuzz.conftest import RECURSION


@pytest.mark.parametrize("module", ["app.main", "app.cli", "workers.tasks", "workers.wiring"])
def test_nothing_that_serves_imports_what_lifts_the_limit_of_recursion(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(sys.getrecursionlimit())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == [str(RECURSION)]
