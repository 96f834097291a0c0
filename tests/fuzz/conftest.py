"""Parsers are asked as the processes that serve would ask them."""

import sys
from collections.abc import Iterator

import pytest

# Python's own, which those processes keep: test_limits.py sees to that.
RECURSION = 1000


@pytest.fixture(autouse=True)
def as_in_production() -> Iterator[None]:
    """Let no parser go deeper than where it serves; a library of the sandbox's wallet lets them."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION)
    yield
    sys.setrecursionlimit(before)
