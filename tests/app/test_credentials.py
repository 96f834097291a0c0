"""What is taken for a credential and what is not, over everything that this service or its agents make."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import card_numbers, credentials, seed_phrases, tokens
from rails import ids

HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
KINDS = ("quote", "payatt", "receipt", "credit_event", "evt", "agt", "org", "hold", "svctok", "trace", "job")
OUR_IDS = st.builds(lambda kind, text: f"{kind}_{text[:24]}", st.sampled_from(KINDS), HEX)
MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2099, 1, 1))  # noqa: DTZ001
SECONDS = MOMENTS.map(lambda moment: int(moment.replace(tzinfo=UTC).timestamp()))
ORDINARY = st.one_of(
    OUR_IDS,
    OUR_IDS.map(lambda quote_id: f"purchase:{quote_id}"),
    st.builds(lambda seconds, text: f"quote-{seconds}123-{text[:8]}", SECONDS, HEX),
    SECONDS.map(str),
    SECONDS.map(lambda seconds: f"{seconds}.123456"),
    MOMENTS.map(lambda moment: moment.isoformat()),
    MOMENTS.map(lambda moment: f"{moment:%Y%m%d-%H%M%S}"),
    HEX.map(lambda text: str(UUID(text[:32], version=4))),
    HEX.map(lambda text: f"0x{text[:40]}"),
    HEX.map(lambda text: f"sha256:{text}"),
    HEX.map(lambda text: f"cs_test_{text[:32]}"),
    HEX.map(lambda text: text[:40]),
    st.integers(min_value=-(10**9), max_value=10**9),
    st.emails(),
    st.booleans(),
)


def card(digits: str) -> str:
    """The digits and their check digit."""
    return next(f"{digits}{last}" for last in range(10) if card_numbers._passes_luhn(f"{digits}{last}"))


def wif(raw: bytes) -> str:
    """A private key as Bitcoin wallets write it."""
    body = b"\x80" + raw
    number = int.from_bytes(body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4], "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = credentials._BASE58[digit] + text
    return text


NUMBERS = st.from_regex(r"\A(?:4[0-9]{14}|5[1-5][0-9]{13}|6011[0-9]{11})\Z").map(card)
SECRETS = st.one_of(
    st.sampled_from(("isk_r_", "isk_svc_")).map(tokens.make),
    HEX,
    HEX.map(lambda text: f"0x{text}"),
    st.binary(min_size=32, max_size=32).map(wif),
    NUMBERS,
    NUMBERS.map(lambda number: " ".join(number[place : place + 4] for place in range(0, 16, 4))),
    NUMBERS.map(lambda number: f"number: {number}, cvc 123"),
    NUMBERS.map(int),
    st.lists(st.sampled_from(sorted(seed_phrases._words())), min_size=12, max_size=24).map(" ".join),
    st.lists(st.sampled_from(sorted(seed_phrases._words())), min_size=12, max_size=12),
    HEX.map(lambda text: f"sk_live_{text[:24]}"),
    HEX.map(lambda text: f"rk_test_{text[:24]}"),
    HEX.map(lambda text: f"whsec_{text[:32]}"),
    HEX.map(lambda text: f"pi_{text[:24]}_secret_{text[24:]}"),
)
FIELDS = st.sampled_from(("credits", "note", "quote_id", "details", "a"))


@given(ORDINARY)
@settings(max_examples=2000)
def test_nothing_that_anybody_makes_here_is_taken_for_a_credential(value: object) -> None:
    assert not credentials.anywhere_in({"idempotency_key": value})


def test_none_of_many_fresh_ids_is_taken_for_a_credential() -> None:
    made = [ids.new(kind) for kind in KINDS for _ in range(2000)]

    assert [each for each in made if credentials.looks_like_one(each)] == []


@given(secret=SECRETS, path=st.lists(st.one_of(FIELDS, st.integers(0, 3)), max_size=6))
@settings(max_examples=500)
def test_a_credential_is_found_at_any_depth(secret: object, path: list[str | int]) -> None:
    body = secret
    for step in path:
        body = {step: body, "other": 1} if isinstance(step, str) else [*range(step), body]

    sent = json.loads(json.dumps({"body": body}))

    assert credentials.anywhere_in(sent)


@given(st.lists(st.sampled_from(sorted(seed_phrases._words())), min_size=11, max_size=11))
def test_eleven_words_are_no_phrase(words: list[str]) -> None:
    assert not seed_phrases.is_in(" ".join(words))


@pytest.mark.parametrize(
    "text",
    [
        "an agent that draws small pictures of the sea for people who have never seen it and pays for itself",
        "painting drawing sketch portrait neon darkness lights cities nights raining streets people",
        "the quick brown fox jumps over the lazy dog while the cat sleeps under a table in the garden shed",
        "claude code harness running nightly regression suite against staging credits ledger environment box",
    ],
)
def test_names_that_people_give_their_agents_are_no_phrases(text: str) -> None:
    assert not credentials.looks_like_one(text)
