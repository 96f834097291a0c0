"""The rate card as agents see it."""

from decimal import Decimal
from pathlib import Path

import httpx

from app import rate_card
from app.main import create_app
from app.rate_card import Rate, RateCard
from tests.app.conftest import Client, Doors, Json, ok, served, settings


def listed(doors: Doors, card: RateCard) -> Json:
    """What a house with this card answers."""
    app = create_app(doors.sessions, doors.rails, settings(), doors.clock, card=card)
    with served(app) as url, httpx.Client(base_url=url) as http:
        return ok(Client(http).get("/v1/models"))


def test_models_are_listed_with_their_price_cheapest_first(doors: Doors) -> None:
    card = {"b": Rate(9, Decimal("0.05")), "c": Rate(2, Decimal("0.011")), "a": Rate(9, Decimal(0))}

    data = listed(doors, card)

    assert [model["id"] for model in data["models"]] == ["c", "a", "b"]
    assert data["summary"] == {"executable": 3, "cataloged_not_wired": 0}
    assert data["models"][0] == {
        "id": "c",
        "status": "available",
        "supports": ["create"],
        "execution": {"model_execution_status": "executable"},
        "economics": {
            "estimated_usd_per_image": 0.02,
            "credit_pricing": {
                "credits_required": 2,
                "credit_unit_usd": 0.01,
                "estimated_revenue_usd": 0.02,
                "estimated_provider_cost_usd": 0.011,
                "pricing_confidence": "exact",
            },
        },
    }


def test_without_a_card_there_is_one_sample_and_an_empty_card_lists_nothing(
    doors: Doors, tmp_path: Path
) -> None:
    empty = tmp_path / "card.json"
    empty.write_text("{}")

    sample, nothing = listed(doors, rate_card.load("")), listed(doors, rate_card.load(str(empty)))

    assert [model["id"] for model in sample["models"]] == ["pennyrail.sample-image"]
    assert nothing == {"models": [], "summary": {"executable": 0, "cataloged_not_wired": 0}}
