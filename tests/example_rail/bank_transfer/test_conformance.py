"""The rail `bank_transfer` keeps what it declares: the conformance suite, against the pretend processor."""

from collections.abc import Iterator

import pytest

from rails.conformance.harness import Harness
from rails.conformance.suite import RailConformance

from . import sandbox
from .harness import BankTransferHarness

pytest_plugins = ["app.rail_kit.plugin"]


class TestBankTransfer(RailConformance):
    """Every case of the suite."""

    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        """The world around the rail, new for every test."""
        with sandbox.running() as processor:
            harness = BankTransferHarness(processor)
            yield harness
            harness.close()
