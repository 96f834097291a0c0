"""The page for whoever receives our webhooks: its examples run, and what it shows is what is sent."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest
from sqlmodel import select

from ledger import seals
from outbound import payloads, schedule, signing
from outbound.models import Event
from tests.ledger.story import everything
from tests.outbound import schema
from tests.outbound.conftest import House

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "webhooks-out.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    "page",
    [
        *("docs/webhooks-out.md", "docs/webhooks-out.schema.json", "app/discovery/skill.md"),
        *("app/openapi/document.py", "app/openapi/history.py", "ARCHITECTURE.md"),
    ],
)
def test_no_page_says_that_refunds_are_not_booked(page: str) -> None:
    words = " ".join((ROOT / page).read_text().split())

    assert "not booked by themselves" not in words


def examples() -> list[dict[str, object]]:
    return [json.loads(block) for block in blocks("json")]


def test_the_schema_in_docs_is_that_of_the_payloads() -> None:
    assert schema.PAGE.read_text() == schema.written(), "write it anew: python -m tests.outbound.schema"


def test_every_example_is_a_payload_and_every_type_has_one() -> None:
    validator = jsonschema_rs.validator_for(json.loads(schema.PAGE.read_text()))

    for example in examples():
        validator.validate(example)
        payloads.ANY.validate_python(json.loads(json.dumps(example)))
    shown = {example["type"] for example in examples()} | {"credits.refunded"}
    assert shown == {*payloads.TYPES, "webhook.test"}
    for kind in payloads.TYPES:
        assert f"`{kind}`" in PAGE


def test_everything_that_is_told_fits_the_schema(house: House) -> None:
    everything(house.sessions)
    seals.seal_all(house.sessions, now=house.now)
    house.tell()
    validator = jsonschema_rs.validator_for(json.loads(schema.PAGE.read_text()))

    with house.sessions() as session:
        bodies = [json.loads(event.body) for event in session.exec(select(Event))]
    for body in bodies:
        validator.validate(body)
    assert {body["type"] for body in bodies} == {
        *("credits.granted", "credits.refunded", "credits.reinstated", "hold.expired")
    }
    assert max(len(json.dumps(body)) for body in bodies) < 20_000


@pytest.mark.parametrize("tampered", [False, True])
def test_the_examples_verify_what_is_signed_and_nothing_else(
    tampered: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, body = signing.new_secret(), json.dumps(examples()[0])
    headers = signing.headers(
        [signing.new_secret(), secret], event_id="msg_1", body=body, now=datetime.now(UTC)
    )
    sent = body.replace("500", "900") if tampered else body
    known = {"secret": secret, "headers": headers, "body": sent.encode()}

    for example in blocks("python"):
        exec(compile(example, "docs/webhooks-out.md", "exec"), dict(known))  # noqa: S102

    first = "answer 400" if tampered else "credits.granted 500"
    assert capsys.readouterr().out == f"{first}\n{not tampered} credits.granted\n"


def test_the_schedule_on_the_page_is_the_schedule() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    [told] = re.findall(r"tried again after (.*?), each a fifth", PAGE, re.DOTALL)

    steps = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", told)]

    assert tuple(steps) == schedule.STEPS_SECONDS
