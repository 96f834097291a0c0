"""What a job costs in credits."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from app import rate_card
from ledger.database import Sessions
from tests.internal.conftest import Home, code, done, opened

CARD = {"flux": {"credits": 5, "provider_cost_usd": "0.033"}}


@pytest.fixture
def card(tmp_path: Path) -> str:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(CARD))
    return str(path)


def test_a_model_of_the_rate_card_is_priced_exactly(sessions: Sessions, database_url: str, card: str) -> None:
    with opened(sessions, database_url, rate_card_file=card) as home:
        api = home.service()
        data = done(api.post("pricing", {"model": "flux", "quantity": 3}))

    assert data == {
        "model": "flux",
        "quantity": 3,
        "credits_required": 15,
        "credit_unit_usd": 0.01,
        "estimated_revenue_usd": 0.15,
        "estimated_provider_cost_usd": 0.099,
        "pricing_confidence": "exact",
    }
    assert '"estimated_provider_cost_usd":0.099,' in api.seen[-1].text


@pytest.mark.parametrize(
    ("cost", "quantity", "credits"),
    [
        ("0.01", 1, 2),
        ("0.1", 1, 13),
        ("0.10", 10, 130),
        ("0.000001", 1, 1),
        ("0", 1, 1),
        ("0.076923076923", 1, 10),
        ("0.076923076924", 1, 11),
        ("100", 1000, 13_000_000),
    ],
)
def test_a_cost_gets_its_margin_and_is_rounded_up(cost: str, quantity: int, credits: int) -> None:
    priced = rate_card.of_cost(Decimal(cost), quantity, margin_bps=3000)

    assert (priced.credits, priced.confidence) == (credits, "estimated")
    assert priced.revenue_usd >= priced.cost_usd


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "flux", "provider_cost_usd": "1"},
        {"provider_cost_usd": 0.1},
        {"provider_cost_usd": "-1"},
        {"provider_cost_usd": "1e3"},
        {"provider_cost_usd": "NaN"},
        {"provider_cost_usd": ""},
        {"provider_cost_usd": "1\n"},
        {"provider_cost_usd": "1234567890"},
        {"provider_cost_usd": "1", "quantity": 0},
        {"provider_cost_usd": "1", "quantity": 1.0},
        {"provider_cost_usd": "1", "quantity": True},
        {"provider_cost_usd": "1", "quantity": 2**63},
        {"provider_cost_usd": "999999999", "quantity": 1_000_000},
        {"model": ""},
        {"model": 5},
    ],
)
def test_what_cannot_be_priced_is_refused(home: Home, body: dict[str, object]) -> None:
    assert code(home.service().post("pricing", body)) == "INVALID_ARGUMENTS"


def test_a_model_that_is_not_on_the_card_is_not_guessed(home: Home) -> None:
    assert code(home.service().post("pricing", {"model": "unheard-of"})) == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": {"credits": 0, "provider_cost_usd": "1"}}',
        '{"a": {"credits": 1, "provider_cost_usd": "-1"}}',
    ],
)
def test_a_rate_card_that_is_none_stops_the_house_from_starting(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)

    with pytest.raises(ValueError, match="RATE_CARD"):
        rate_card.load(str(path))
