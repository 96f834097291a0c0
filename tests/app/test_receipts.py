"""Signed receipts at the door: one's own, once sealed, checkable by anybody."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from app.main import create_app
from ledger import keys, proof, seals
from ledger.errors import ChangedReceipt
from ledger.keys import SigningKey
from tests.app.conftest import Client, Doors, ok, served, settings

KEY = SigningKey.generate()


@pytest.fixture
def signing(doors: Doors) -> Iterator[Doors]:
    """The doors of a house that has a key."""
    app = create_app(doors.sessions, doors.rails, settings(), doors.clock, receipt_key=KEY)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Doors(url, http, doors.clock, doors.sessions, doors.page, doors.deposit, app)


def bought(doors: Doors, agent: Client) -> str:
    attempt = agent.buy(agent.quote())["payment_attempt_id"]
    doors.deposit.pay(doors.reference(attempt))
    doors.settle(attempt)
    receipt_id: str = agent.status(payment_attempt_id=attempt)["receipt"]["receipt_id"]
    return receipt_id


def test_a_receipt_is_labelled_as_the_command_that_reads_it(doors: Doors) -> None:
    reply = doors.agent().get("/v1/receipts/receipt_unknown")

    assert reply["command"] == "pennyrail credits receipt"


def test_a_receipt_is_signed_once_it_is_sealed_and_checked_with_the_published_keys(signing: Doors) -> None:
    agent = signing.agent()
    receipt_id = bought(signing, agent)

    early = agent.get(f"/v1/receipts/{receipt_id}")
    seals.seal_all(signing.sessions, now=signing.clock.now)
    data = ok(agent.get(f"/v1/receipts/{receipt_id}"))

    assert early["error"]["code"] == "RECEIPT_NOT_SEALED_YET"
    assert early["error"]["recovery"]["retry_after_seconds"] > 0
    published = signing.http.get("/.well-known/pennyrail-receipt-keys.json")
    proven = proof.verify(data["jws"], keys=keys.read_public(published.text))
    assert proven.granted["credits"] == data["receipt"]["credits_granted"] == 500
    assert proven.granted["cents"] == data["receipt"]["received_cents"]
    assert data["public_key_url"].endswith("/.well-known/pennyrail-receipt-keys.json")
    assert "d" not in published.json()["keys"][0]


def test_both_witnesses_are_signed_and_what_says_otherwise_beside_them_is_refused(signing: Doors) -> None:
    agent = signing.agent()
    receipt_id = bought(signing, agent)
    seals.seal_all(signing.sessions, now=signing.clock.now)

    data = ok(agent.get(f"/v1/receipts/{receipt_id}"))
    proven = proof.verify(data["jws"], keys=[KEY.public])
    proof.compare(json.dumps(data), proven)

    assert proven.told == data["receipt"]
    spoken = [f"{each['source']} says {each['state']}" for each in data["receipt"]["witnesses"]]
    told = [line for line in proven.lines() if line.startswith("witness ")]
    assert spoken
    assert [line.split("  ")[-1].split(",")[0].strip() for line in told] == spoken
    for name in ("witnesses", "chain_evidence", "payment_attempt_id", "live_money"):
        forged = {**data, "receipt": {**data["receipt"], name: "INVENTED"}}
        with pytest.raises(ChangedReceipt, match=f"'{name}' says 'INVENTED'"):
            proof.compare(json.dumps(forged), proven)
    with pytest.raises(ChangedReceipt) as refused:
        proof.compare(json.dumps({"receipt": {"x\n\x1b[1Athe receipt is genuine\ud800": 1}}), proven)
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
    with pytest.raises(ChangedReceipt, match="'blessed' says True"):
        proof.compare(json.dumps({"receipt": {**data["receipt"], "blessed": True}}), proven)


def test_the_receipt_of_somebody_else_is_not_found(signing: Doors) -> None:
    receipt_id = bought(signing, signing.agent())
    seals.seal_all(signing.sessions, now=signing.clock.now)

    other = signing.agent("other").get(f"/v1/receipts/{receipt_id}")
    unknown = signing.agent("third").get("/v1/receipts/receipt_unknown")
    nobody = signing.visitor().get(f"/v1/receipts/{receipt_id}")

    assert other["error"]["code"] == unknown["error"]["code"] == "RECEIPT_NOT_FOUND"
    assert nobody["error"]["code"] == "AUTH_REQUIRED"


def test_a_house_without_a_key_says_so(doors: Doors) -> None:
    agent = doors.agent()
    receipt_id = bought(doors, agent)
    seals.seal_all(doors.sessions, now=doors.clock.now)

    reply = agent.get(f"/v1/receipts/{receipt_id}")

    assert reply["error"]["code"] == "RECEIPTS_UNAVAILABLE"
    assert doors.http.get("/.well-known/pennyrail-receipt-keys.json").json() == {"keys": []}


def test_after_a_rotation_old_receipts_verify_by_the_published_set_and_new_ones_by_the_new_key(
    signing: Doors,
) -> None:
    agent = signing.agent()
    receipt_id = bought(signing, agent)
    seals.seal_all(signing.sessions, now=signing.clock.now)
    old = ok(agent.get(f"/v1/receipts/{receipt_id}"))["jws"]
    successor = SigningKey.generate()
    retired = replace(KEY.public, signs_until=signing.clock.now + timedelta(minutes=5))

    rotated = create_app(
        signing.sessions,
        signing.rails,
        settings(),
        signing.clock,
        receipt_key=successor,
        other_keys=(retired,),
    )
    with served(rotated) as url, httpx.Client(base_url=url, timeout=30) as http:
        published = keys.read_public(http.get("/.well-known/pennyrail-receipt-keys.json").text)
        anew = http.get(
            f"/v1/receipts/{receipt_id}", headers={"authorization": f"Bearer {agent.token}"}
        ).json()

    assert proof.verify(old, keys=published).key == KEY.public.thumbprint
    assert proof.verify(anew["data"]["jws"], keys=published).key == successor.public.thumbprint
    assert [each.signs_until for each in published] == [None, retired.signs_until]
