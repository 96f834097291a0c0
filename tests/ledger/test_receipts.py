"""A receipt proves what was granted to somebody who has nothing but a public key."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger import keys, proof, receipts, seals
from ledger.database import Sessions
from ledger.errors import (
    BadKey,
    BadReceipt,
    ChangedReceipt,
    NotAReceipt,
    NotSealedYet,
    OtherKey,
    RetiredKey,
    UnknownTransaction,
)
from ledger.keys import SigningKey
from tests.ledger.full_book import do
from tests.ledger.make import AGENT, NOON, debit, grant

KEY = SigningKey.generate()


def issue(sessions: Sessions, transaction_id: int, key: SigningKey = KEY) -> str:
    with sessions() as session:
        return receipts.issue(session, transaction_id=transaction_id, key=key)


def payload(receipt: str) -> dict[str, Any]:
    part = receipt.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def signed_again(changed: dict[str, Any], key: SigningKey = KEY) -> str:
    return receipts._sign(changed, key, kind=proof.RECEIPT)


@pytest.fixture
def receipt(sessions: Sessions) -> str:
    do(sessions, grant("purchase:1", 500, cents=490), *(debit(f"d{number}", 1) for number in range(10)))
    seals.seal_all(sessions, now=NOON, most=7)
    return issue(sessions, 1)


def test_a_receipt_says_what_was_granted(receipt: str) -> None:
    proven = proof.verify(receipt, keys=[KEY.public])

    assert proven.granted["agent_id"] == AGENT
    assert (proven.granted["reference"], proven.granted["kind"]) == ("purchase:1", "grant")
    assert (proven.granted["credits"], proven.granted["cents"]) == (500, 490)
    assert (proven.seal["number"], proven.size, proven.place) == (1, 7, 0)


def test_every_transaction_has_a_receipt_and_it_is_always_the_same(sessions: Sessions, receipt: str) -> None:
    do(sessions, debit("too much", 9999))
    seals.seal_all(sessions, now=NOON, most=7)

    proven = [proof.verify(issue(sessions, number), keys=[KEY.public]) for number in range(1, 13)]

    assert issue(sessions, 1) == receipt
    assert [each.granted["transaction_id"] for each in proven] == list(range(1, 13))
    assert proven[-1].granted["outcome"] == "not_enough"


def test_a_receipt_does_not_show_what_the_house_holds(receipt: str) -> None:
    assert "issued" not in json.dumps(payload(receipt))
    assert "balance_after" not in json.dumps(payload(receipt))


def test_what_is_not_sealed_has_no_receipt_yet(sessions: Sessions, receipt: str) -> None:
    do(sessions, debit("later", 1))

    with pytest.raises(NotSealedYet):
        issue(sessions, 12)
    with pytest.raises(UnknownTransaction):
        issue(sessions, 13)


def test_one_flipped_bit_anywhere_is_found(receipt: str) -> None:
    missed = []
    for place in range(0, len(receipt), 3):
        changed = receipt[:place] + chr(ord(receipt[place]) ^ 1) + receipt[place + 1 :]
        try:
            proof.verify(changed, keys=[KEY.public])
            missed.append(place)
        except BadReceipt:
            pass

    # The last letter of each part has bits that mean nothing.
    assert missed == []


@pytest.mark.parametrize(
    "path",
    [
        ("granted", "credits"),
        ("granted", "agent_id"),
        ("content",),
        ("inclusion", "leaf"),
        ("inclusion", "place"),
        ("inclusion", "size"),
        ("inclusion", "path", 0),
        ("inclusion", "path", -1),
        ("seal", "number"),
        ("seal", "leaves"),
        ("seal", "root"),
        ("seal", "previous"),
        ("seal", "hash"),
        ("seal", "horizon"),
        ("seal", "sealed_at_microseconds"),
        ("seal_statement",),
    ],
    ids=str,
)
def test_a_changed_part_is_found_even_if_it_is_signed_again(
    receipt: str, path: tuple[str | int, ...]
) -> None:
    changed = payload(receipt)
    inside: Any = changed
    for step in path[:-1]:
        inside = inside[step]
    value = inside[path[-1]]
    inside[path[-1]] = value + 1 if isinstance(value, int) else _other(value)

    with pytest.raises((ChangedReceipt, NotAReceipt)):
        proof.verify(signed_again(changed), keys=[KEY.public])


def _other(value: str) -> str:
    middle = len(value) // 2
    letter = "0" if value[middle : middle + 1] != "0" else "1"
    return value[:middle] + letter + value[middle + 1 :]


@pytest.mark.parametrize(
    "told",
    [
        {"credits_granted": 501},
        {"received_cents": 491},
        {"witnesses": [{"source": "chain"}]},
        {"witnesses": "both"},
        {"witnesses": [{"source": "chain", "state": "final", "detail": "seen"}]},
        ["both"],
        [],
        "",
        7,
    ],
    ids=str,
)
def test_what_the_house_tells_beside_must_not_contradict_the_book_and_must_be_readable(
    receipt: str, told: object
) -> None:
    agreeing = {"credits_granted": 500, "received_cents": 490, "witnesses": []}
    proven = proof.verify(signed_again({**payload(receipt), "receipt": agreeing}), keys=[KEY.public])
    assert proven.told == agreeing

    with pytest.raises((ChangedReceipt, NotAReceipt)):
        proof.verify(signed_again({**payload(receipt), "receipt": told}), keys=[KEY.public])


def test_a_receipt_of_a_house_that_told_nothing_beside_still_verifies(receipt: str) -> None:
    proven = proof.verify(receipt, keys=[KEY.public])

    assert proven.told is None
    assert not [line for line in proven.lines() if line.startswith("witness")]


def test_a_receipt_of_another_book_is_refused(receipt: str) -> None:
    other = SigningKey.generate()

    with pytest.raises(OtherKey, match="another"):
        proof.verify(receipt, keys=[other.public])


def test_the_seal_of_another_book_does_not_fit(sessions: Sessions, receipt: str) -> None:
    stranger = SigningKey.generate()
    changed = payload(receipt)
    changed["seal_statement"] = payload(issue(sessions, 1, stranger))["seal_statement"]

    with pytest.raises(OtherKey):
        proof.verify(signed_again(changed), keys=[KEY.public])


@pytest.mark.parametrize("size", [0, 1, 50, 400, -2])
def test_a_receipt_that_is_cut_off_is_refused(receipt: str, size: int) -> None:
    with pytest.raises((NotAReceipt, ChangedReceipt)):
        proof.verify(receipt[:size], keys=[KEY.public])


def test_a_seal_statement_is_not_a_receipt(receipt: str) -> None:
    with pytest.raises(NotAReceipt):
        proof.verify(payload(receipt)["seal_statement"], keys=[KEY.public])


def test_a_key_is_read_as_it_was_written_and_never_shown() -> None:
    again = SigningKey.read(KEY.pem())

    assert again.public.thumbprint == KEY.public.thumbprint
    assert [key.thumbprint for key in keys.read_public(KEY.public.pem())] == [KEY.public.thumbprint]
    in_set = keys.read_public(json.dumps(keys.jwks(KEY.public)))
    assert [key.thumbprint for key in in_set] == [KEY.public.thumbprint]
    assert "key=" not in repr(KEY)


def test_a_retired_key_proves_what_was_sealed_before_and_nothing_younger(receipt: str) -> None:
    before, after = NOON - timedelta(microseconds=1), NOON

    assert proof.verify(receipt, keys=[replace(KEY.public, signs_until=after)]).granted["credits"] == 500
    with pytest.raises(RetiredKey):
        proof.verify(receipt, keys=[replace(KEY.public, signs_until=before)])


def test_a_published_set_says_of_each_key_until_when_it_signed() -> None:
    retired = replace(SigningKey.generate().public, signs_until=NOON)

    written = keys.jwks(KEY.public, retired, replace(KEY.public, signs_until=NOON))

    assert keys.read_public(json.dumps(written)) == [KEY.public, retired]


def test_a_private_key_in_a_set_is_refused() -> None:
    told = {"keys": [{**keys.jwks(KEY.public)["keys"][0], "d": "AAAA"}]}

    with pytest.raises(BadKey, match="private"):
        keys.read_public(json.dumps(told))
