"""Tests of the suite itself at the doors: a reply that does not say what the rail says is caught."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from rails.conformance import doors as cases
from rails.conformance.fakes import crypto_deposit
from rails.conformance.harness import Harness
from rails.conformance.stage import Stage
from rails.conformance.suite import RailConformance as Suite
from tests.rails.conformance import liars
from tests.rails.conformance.fake_harness import FakeHarness

pytest_plugins = ["app.rail_kit.plugin"]
Json = dict[str, Any]


@dataclass
class Tampered:
    """The real doors, with a hand on every reply."""

    honest: cases.Doors
    change: Callable[[Json], None]

    def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """A reply to a GET, changed."""
        return self._changed(self.honest.get(path, **query))

    def post(self, path: str, **body: object) -> Mapping[str, Any]:
        """A reply to a POST, changed."""
        return self._changed(self.honest.post(path, **body))

    def _changed(self, reply: Mapping[str, Any]) -> Json:
        told = deepcopy(dict(reply))
        self.change(told)
        return told


def _method(told: Json, **changes: object) -> None:
    for each in (told.get("data") or {}).get("methods", []):
        each.update(changes)


def _offer(told: Json) -> None:
    for path in told.get("paths", {}).values():
        for offer in path.get("post", {}).get("x-payment-info", {}).get("offers", []):
            offer["settlement_blocker"] = "a story of another rail"


def _bought(told: Json, change: Callable[[Json], None]) -> None:
    data = told.get("data") or {}
    if "payment_attempt_id" in data:
        change(data)


def _human(data: Json) -> None:
    data["next"]["actor"] = "human"


def _elsewhere(data: Json) -> None:
    data["stripe_x402"]["payable_instructions"]["deposit_address"] = "0xelsewhere"


def _witnessless(told: Json) -> None:
    data = told.get("data") or {}
    if data.get("receipt"):
        data["receipt"]["witnesses"] = []


LIES: Mapping[str, tuple[Callable[[Json], None], Any, str]] = {
    "the methods": (
        lambda told: _method(told, agent_settleable=False),
        Suite.test_the_payment_methods_show_the_capabilities,
        "the rail declares",
    ),
    "a closed rail": (
        lambda told: _method(told, available=True),
        Suite.test_a_closed_rail_is_shown_as_closed,
        "the rail is closed",
    ),
    "the document": (_offer, Suite.test_the_document_offers_the_rail, "another blocker"),
    "who is next": (
        lambda told: _bought(told, _human),
        Suite.test_what_is_next_names_whoever_can_settle,
        "by human",
    ),
    "the instructions": (
        lambda told: _bought(told, _elsewhere),
        Suite.test_the_reply_holds_the_instructions_untouched,
        "other instructions",
    ),
    "the receipt": (
        _witnessless,
        Suite.test_a_purchase_goes_from_quote_to_receipt,
        "witnesses on the receipt",
    ),
}


@pytest.fixture
def harness() -> Harness:
    return FakeHarness(crypto_deposit())


@pytest.mark.parametrize("name", LIES)
def test_doors_that_do_not_say_what_the_rail_says_are_caught(
    stage: Stage, doors: cases.Doors, name: str
) -> None:
    change, case, told = LIES[name]

    with pytest.raises(AssertionError, match=told):
        case(Suite(), stage, Tampered(doors, change))


class TestAShownReference:
    """A rail whose reference is what agents have to be told."""

    @pytest.fixture
    def harness(self) -> Harness:
        return liars.deposit(opening=liars.shows_reference)

    def test_a_reference_that_agents_are_shown_is_caught(self, stage: Stage, doors: cases.Doors) -> None:
        with pytest.raises(AssertionError, match="the reference at the processor is shown"):
            Suite().test_agents_never_see_what_the_processor_calls_a_payment(stage, doors)
