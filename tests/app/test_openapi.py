"""The document says what the doors do. Every reply of every other test here is held against it as well."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app import http_errors
from app.openapi import asking
from app.openapi import doors as table
from ledger.database import Sessions
from tests.app.conftest import Doors, Json, ok, opened, settings
from tests.app.promised import promised_by


@pytest.fixture
def document(doors: Doors) -> Json:
    """The document that the house serves."""
    found: Json = doors.http.get("/openapi.json").json()
    return found


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_is_openapi_3_1_and_may_be_kept_for_minutes(doors: Doors) -> None:
    response = doors.http.get("/openapi.json")

    jsonschema_rs.validator_for(OPENAPI_31).validate(response.json())
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.json()["servers"][0]["url"] == "https://pennyrail.example"


def test_every_reference_in_the_document_leads_somewhere(document: Json) -> None:
    for place in references(document):
        found = document
        for part in place.removeprefix("#/").split("/"):
            found = found[part]

        assert found


def test_the_document_says_that_a_buy_reply_never_grants_by_itself(document: Json) -> None:
    granted = document["components"]["schemas"]["Opened"]["properties"]["credits_granted"]

    assert granted["const"] == 0
    assert granted["description"] == (
        "granted by this call: always 0; what was granted is in receipt.credits_granted"
    )


def test_the_document_warns_of_a_contact_that_others_know(document: Json) -> None:
    fields = document["components"]["schemas"]["SignupRequest"]["properties"]

    assert "gets this agent's token" in fields["agent_contact"]["description"]


def test_every_door_has_a_name_of_its_own_and_words_for_everything_it_takes(document: Json) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    forms = [form for name, form in document["components"]["schemas"].items() if name.endswith("Request")]

    assert len(set(names)) == len(names)
    for where, operation in operations(document):
        assert operation["summary"], where
        assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}, where
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{where} {parameter['name']}"
            assert parameter["example"], f"{where} {parameter['name']}"
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"], where
    for form in forms:
        assert [name for name, field in form["properties"].items() if not field["description"]] == []


def test_no_word_is_explained_that_nobody_can_send(document: Json) -> None:
    sent = {
        name
        for form_name, form in document["components"]["schemas"].items()
        if form_name.endswith("Request")
        for name in form["properties"]
    }
    asked = {
        each["name"] for _, operation in operations(document) for each in operation.get("parameters", [])
    }

    assert set(asking.WORDS) == sent | asked


def test_every_row_of_the_table_is_a_door_of_the_house(doors_of_table: set[str], document: Json) -> None:
    assert doors_of_table == {where for where, _ in operations(document)}


@pytest.fixture
def doors_of_table(doors: Doors) -> set[str]:
    """Every door of the table, as the document would name it."""
    fixed = {f"{door.method.lower()} {door.path}" for door in table.of(doors.rails)}
    return fixed | {f"get {leaf.path}" for leaf in table.LEAVES}


def test_the_refusals_of_a_door_are_rows_of_the_one_table_of_statuses(document: Json) -> None:
    replies = document["components"]["responses"]

    for _, operation in operations(document):
        for status, reply in operation["responses"].items():
            if status < "400":
                continue
            name = reply["$ref"].rpartition("/")[2]
            assert {http_errors.STATUS[code].http for code in name.split(".")} == {int(status)}
            assert "x-image-skill-exit-code" in replies[name]["headers"]


def test_a_token_is_asked_for_exactly_where_the_document_says(doors: Doors, document: Json) -> None:
    for where, operation in operations(document):
        method, path = where.split()
        if method != "get":
            continue
        refused = doors.http.get(path.replace("{", "").replace("}", "")).status_code == 401

        assert refused is bool(operation["security"]), where
        assert ("401" in operation["responses"]) is refused, where


def test_what_a_purchase_costs_and_over_which_rail_is_told_by_the_rails(doors: Doors) -> None:
    doors.page.unavailable_reason = "closed_for_today"

    document = doors.http.get("/openapi.json").json()

    quoted = document["paths"]["/v1/credit-quotes"]["post"]["x-payment-info"]
    [deposit] = document["paths"]["/v1/credit-purchases/fake-deposits"]["post"]["x-payment-info"]["offers"]
    page = next(offer for offer in quoted["offers"] if offer["method_id"] == "fake_page")
    listed = {
        method["method_id"]: method for method in ok(doors.visitor().get("/v1/payment-methods"))["methods"]
    }
    assert quoted["price"]["cents_per_credit"] == 1
    assert (page["available"], page["unavailable_reason"]) == (False, "closed_for_today")
    assert page["settlement_blocker"] == listed["fake_page"]["settlement_blocker"]
    token = doors.deposit.listing.token
    assert token is not None
    assert deposit["currency"] == deposit["token_contract_address"] == token.contract
    assert (deposit["scheme"], deposit["network"], deposit["agent_settleable"]) == ("exact", "base", True)
    assert (deposit["intent"], deposit["method"], deposit["amount"]) == ("charge", "stripe", None)
    assert deposit["live_money"] is listed["fake_deposit"]["live_money"]


def test_a_closed_rail_is_no_longer_among_the_methods_of_a_quote(doors: Doors) -> None:
    before = methods(doors.http.get("/openapi.json").json())
    doors.page.unavailable_reason = "closed_for_today"

    after = methods(doors.http.get("/openapi.json").json())

    assert (before, after) == (["fake_page", "fake_deposit"], ["fake_deposit"])


def test_a_refusal_of_a_token_says_how_one_is_shown_and_of_a_method_which_there_are(doors: Doors) -> None:
    unknown = doors.http.get("/v1/quota")
    wrong = doors.http.delete("/v1/credit-quotes")

    assert unknown.headers["www-authenticate"] == http_errors.CHALLENGE
    assert wrong.headers["allow"] == "POST"
    assert doors.visitor().envelope(wrong)["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_a_reply_with_a_field_that_was_never_promised_is_found_out(doors: Doors) -> None:
    reply = doors.http.get("/v1/credit-packs")
    changed = httpx.Response(
        200,
        headers={"content-type": "application/json", "x-image-skill-exit-code": "0"},
        json={**reply.json(), "data": {**reply.json()["data"], "surprise": 1}},
        request=reply.request,
    )

    with pytest.raises(jsonschema_rs.ValidationError, match="surprise"):
        promised_by(doors.http).check(changed)


def test_another_client_finds_its_own_commands_in_the_document(sessions: Sessions) -> None:
    with opened(sessions, settings(client_command="image-skill")) as house:
        reply = house.visitor().get("/v1/payment-methods")

    assert reply["command"] == "image-skill credits methods"


def methods(document: Json) -> list[str]:
    field = document["components"]["schemas"]["QuoteRequest"]["properties"]["payment_method"]
    found: list[str] = field["anyOf"][0]["enum"]
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_code_that_a_door_adds_is_known() -> None:
    added = {code for door in (*table.FIXED, *table.LEAVES) for code in door.refuses}

    assert added <= set(http_errors.STATUS)
