"""docs/api.md says what the doors do, and leaves none of it out."""

import re

import pytest

from app import http_errors
from app.openapi.schemas import Schema
from tests.reference import PAGE
from tests.reference.document import document
from tests.reference.page import page

TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def told() -> Schema:
    """The document that the page is made from."""
    return document()


def test_the_page_in_docs_is_what_the_code_says(told: Schema) -> None:
    assert page(told) == TEXT, "write it anew: make schema"


def test_every_door_has_a_call_and_every_link_of_the_page_a_place(told: Schema) -> None:
    doors = [
        operation["operationId"] for operations in told["paths"].values() for operation in operations.values()
    ]
    headings = re.findall(r"^#+ ([\w ]+)$", TEXT, re.MULTILINE)
    places = re.findall(r'<a id="([^"]+)">', TEXT) + [name.lower().replace(" ", "-") for name in headings]

    assert TEXT.count("\ncurl ") == len(doors)
    assert len(places) == len(set(places))
    assert {*doors, *re.findall(r"\]\(#([^)]+)\)", TEXT)} <= set(places)


def test_every_field_that_is_sent_or_answered_is_on_the_page(told: Schema) -> None:
    shapes = told["components"]["schemas"]

    missing = {
        f"{name}.{field}"
        for name, shape in shapes.items()
        for field in shape.get("properties", {})
        if f"`{field}`" not in TEXT
    }

    assert missing == set()


def test_every_refusal_of_an_agents_door_is_on_the_page_with_its_status(told: Schema) -> None:
    codes = told["components"]["schemas"]["Refusal"]["properties"]["error"]["properties"]["code"]["enum"]

    rows = {(code, status) for status, code in re.findall(r"\| (\d{3})[\w ]* \| `([A-Z_]+)` \|", TEXT)}

    assert rows == {(code, str(http_errors.STATUS[code].http)) for code in codes}
