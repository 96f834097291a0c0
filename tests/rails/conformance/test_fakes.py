"""The rails without a processor pass the suite, every case of it."""

import pytest

from rails.conformance.fakes import crypto_deposit, hosted_page
from rails.conformance.harness import Harness
from rails.conformance.suite import RailConformance
from tests.rails.conformance.fake_harness import FakeHarness

pytest_plugins = ["app.rail_kit.plugin"]


class TestFakePage(RailConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return FakeHarness(hosted_page())


class TestFakeDeposit(RailConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return FakeHarness(crypto_deposit())
