"""The rail `stripe_checkout` keeps what it declares, over the twin."""

from collections.abc import Iterator

import pytest

from rails.conformance.harness import Harness
from rails.conformance.suite import RailConformance
from tests.rails.conformance.stripe_harness import CheckoutHarness
from tests.sandbox import twin_world

pytest_plugins = ["app.rail_kit.plugin"]


class TestStripeCheckout(RailConformance):
    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        with twin_world.running(twin_world.config()) as twin:
            yield CheckoutHarness(twin)
