"""Which rails there are: those of packages, those that a setting names, and what refuses at start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app import errors, failures, settings
from app.settings import DoorSettings
from ledger.database import Sessions
from rails import registry
from rails.registry import BrokenRail
from rails.settings import RegistrySettings

EXAMPLE = "tests.example_rail.bank_transfer:build"
SHIPPED = ["stripe_checkout", "stripe_x402.exact.usdc"]
Named = Callable[[str], None]
Written = Callable[[str], str]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Names rails in the setting."""

    def name(rails: str) -> None:
        monkeypatch.setenv("PENNYRAIL_RAILS", rails)

    return name


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Written:
    """Writes a module of this test's own. Returns its name."""

    def write(text: str) -> str:
        name = f"rail_of_{abs(hash(request.node.name))}"
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return write


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the shipped rails and the example refuse to start without."""
    for name, value in {
        "STRIPE_SECRET_KEY": "sk_test_registry",
        "STRIPE_WEBHOOK_SECRETS": "whsec_of_the_registry_tests",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
        "PENNYRAIL_PUBLIC_URL": "https://pennyrail.example",
        "BANK_TRANSFER_API_BASE": "http://127.0.0.1:9",
        "BANK_TRANSFER_API_KEY": "key_of_the_registry_tests",
    }.items():
        monkeypatch.setenv(name, value)


FAKE = """
from rails.conformance.fakes import hosted_page
RAIL_ID = "{rail_id}"
def build(sessions):
    rail = hosted_page()
    {change}
    return rail
"""


def test_without_the_setting_the_rails_are_those_of_the_packages() -> None:
    assert registry.names() == SHIPPED


def test_a_setting_adds_a_rail_without_building_anything(named: Named) -> None:
    named(f" {EXAMPLE} , ")

    assert registry.names() == ["bank_transfer", *SHIPPED]


def test_a_rail_of_the_setting_is_built_beside_the_others(
    sessions: Sessions, named: Named, configured: None
) -> None:
    named(EXAMPLE)

    rails = registry.load(sessions)

    assert list(rails) == ["bank_transfer", *SHIPPED]
    assert rails["bank_transfer"].listing.purchase_path == "bank-transfer-payments"


@pytest.mark.parametrize(
    ("rails", "told"),
    [
        ("my_rail", "PENNYRAIL_RAILS: my_rail is not of the form module:build"),
        (":build", "is not of the form module:build"),
        ("no_such_rail:build", "no_such_rail:build cannot be imported: ModuleNotFoundError"),
        ("tests.example_rail.bank_transfer:make", "has no function make"),
        ("rails.pricing:price", 'the module rails.pricing needs RAIL_ID = "the_name_of_the_rail"'),
        (f"{EXAMPLE},{EXAMPLE}", "are both called bank_transfer"),
    ],
)
def test_a_rail_that_cannot_be_had_is_refused_by_name(
    sessions: Sessions, named: Named, rails: str, told: str
) -> None:
    named(rails)

    with pytest.raises(BrokenRail) as refusal:
        registry.load(sessions)

    assert told in str(refusal.value)
    assert str(failures.told(refusal.value)).startswith("cannot start: ")


def test_a_module_that_breaks_while_it_is_imported_is_named(
    sessions: Sessions, named: Named, written: Written
) -> None:
    named(f"{written('raise RuntimeError(42)')}:build")

    with pytest.raises(BrokenRail, match="cannot be imported: RuntimeError: 42"):
        registry.load(sessions)


@pytest.mark.parametrize(
    ("rail_id", "change", "told"),
    [
        ("other_name", "", "built a rail named fake_page, not other_name"),
        ("fake_page", "rail = object()", "is no rail: it has no rail_id, capabilities"),
        (
            "fake_page",
            "from rails.stripe_checkout.rail import StripeCheckout as o; rail.listing = o.listing",
            "have one provider",
        ),
        ("stripe_checkout", "rail.rail_id = RAIL_ID", "are both called stripe_checkout"),
        ("has space", "", "needs RAIL_ID"),
    ],
)
def test_a_rail_that_does_not_fit_is_refused(
    sessions: Sessions,
    named: Named,
    written: Written,
    configured: None,
    rail_id: str,
    change: str,
    told: str,
) -> None:
    named(f"{written(FAKE.format(rail_id=rail_id, change=change or 'pass'))}:build")

    with pytest.raises(BrokenRail) as refusal:
        registry.load(sessions)

    assert told in str(refusal.value)


def test_a_process_says_everything_that_is_wrong_with_its_rails_before_it_starts(
    named: Named, configured: None
) -> None:
    named("no_such_rail:build,my_rail")

    with pytest.raises(errors.SettingsRefused) as refusal:
        settings.require(RegistrySettings, DoorSettings)

    assert "no_such_rail:build cannot be imported" in str(refusal.value)
    assert "my_rail is not of the form" in str(refusal.value)


def test_a_rail_of_the_setting_can_be_the_default(
    named: Named, configured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(EXAMPLE)
    monkeypatch.setenv("PENNYRAIL_DEFAULT_RAIL", "bank_transfer")

    settings.require(RegistrySettings, DoorSettings)

    named("")
    with pytest.raises(errors.SettingsRefused, match="PENNYRAIL_DEFAULT_RAIL"):
        settings.require(RegistrySettings, DoorSettings)
