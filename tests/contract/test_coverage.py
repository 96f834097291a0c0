"""No row of the contract is forgotten, and none is held twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.contract.client_only import CLIENT_ONLY
from tests.contract.coverage import named_tests
from tests.contract.rows import ROWS


def test_every_row_is_tested_once_or_is_the_clients_alone() -> None:
    held = Counter(number for number, _ in named_tests()) + Counter(list(CLIENT_ONLY))

    assert {number: times for number, times in held.items() if times > 1} == {}
    assert sorted(held) == list(range(1, 156)) == list(ROWS)


def test_every_row_that_is_the_clients_alone_says_why() -> None:
    assert all(len(reason) > 20 for reason in CLIENT_ONLY.values())


def test_the_table_tells_where_every_row_is_tested() -> None:
    command = [sys.executable, "-m", "tests.contract"]

    printed = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    ).stdout

    assert printed.count("\n") == 2 * len(ROWS)
    assert "NOT TESTED" not in printed
