"""The suite that every rail has to pass. Subclass it, and give it a fixture `harness`.

    pytest_plugins = ["app.rail_kit.plugin"]

    class TestMyRail(RailConformance):
        @pytest.fixture
        def harness(self) -> Harness:
            return MyHarness()

docs/writing-a-rail.md tells the rest.
"""

from rails.conformance.capabilities import CapabilityCases
from rails.conformance.doors import DoorCases
from rails.conformance.granting import GrantingCases
from rails.conformance.looking import LookingCases
from rails.conformance.money_back import CancelCases, ReversalCases
from rails.conformance.notices import NoticeCases
from rails.conformance.opening import AvailabilityCases, LimitCases, OpeningCases
from rails.conformance.secrecy import SecrecyCases, TimeCases


# Tests of the last base run first, and head the report.
class RailConformance(
    DoorCases,
    TimeCases,
    SecrecyCases,
    CancelCases,
    ReversalCases,
    NoticeCases,
    GrantingCases,
    LookingCases,
    LimitCases,
    OpeningCases,
    AvailabilityCases,
    CapabilityCases,
):
    """Every case there is, over one rail."""
