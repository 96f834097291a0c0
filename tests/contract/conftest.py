"""One house for the whole folder: agents are strangers to each other, so that tests are too."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox import devnet
from tests.conftest import new_database
from tests.contract import house as contract_house
from tests.contract.house import Caller, House


@pytest.fixture(scope="session")
def contract_house_of_all(postgres_url: str) -> Iterator[House]:
    """The house that all tests share."""
    with (
        new_database(postgres_url) as database_url,
        devnet.start(block_seconds=0) as net,
        contract_house.opened(database_url, net) as opened,
    ):
        yield opened


@pytest.fixture
def house(contract_house_of_all: House) -> Iterator[House]:
    """The house at the time of this machine, every rail open and every processor well."""
    opened = contract_house_of_all
    yield opened
    opened.time.ahead = timedelta()
    opened.checkout.stripe_checkout_closed = opened.x402.stripe_x402_closed = ""
    opened.twin.clear_faults()


@pytest.fixture
def agent(house: House) -> Caller:
    """A fresh agent."""
    return house.agent()
