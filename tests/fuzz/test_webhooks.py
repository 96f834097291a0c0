"""Whatever is sent to Stripe's door: it is refused in words of ours, or it is a notice; never a surprise."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from ledger.database import Sessions
from rails.notice import Incoming
from rails.stripe import webhooks
from tests.app.test_ingest import CURRENT, Woken, door, kept
from tests.fuzz import corpus
from tests.rails.test_stripe_webhooks import NOON, settings, signed

HEADERS = corpus.cases("stripe_signature")
NOTICES = corpus.cases("notice")
EXPECTED = (webhooks.BadSignature, webhooks.BadNotice)
MOST_LETTERS = 255


def read(body: bytes, header: str) -> Incoming | None:
    """The notice, None if it was refused as a door expects it."""
    try:
        return webhooks.verify(body, header, settings=settings(), now=NOON)
    except EXPECTED:
        return None


def as_header(sent: bytes) -> str:
    """The value as a server hands it over."""
    return sent.decode("latin-1")


def sign(body: bytes) -> str | None:
    """A true signature; there is none for what is no text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return signed(body)


def check(found: Incoming) -> None:
    assert all(0 < len(name) <= MOST_LETTERS for name in (found.external_id, found.kind, *found.refs))
    assert all(name.isprintable() for name in (found.external_id, found.kind, *found.refs))
    assert b"_secret_abc" not in found.body


@pytest.mark.parametrize("why", HEADERS)
def test_a_kept_signature_is_refused(why: str) -> None:
    assert read(NOTICES["an event"], as_header(HEADERS[why])) is None


@corpus.PLAYED
@given(corpus.mutated("stripe_signature"), corpus.mutated("notice"))
def test_no_header_is_believed_and_none_breaks_the_parser(header: bytes, body: bytes) -> None:
    assert read(body, as_header(header)) is None


@corpus.PLAYED
@given(st.text(), st.text(max_size=40))
def test_no_text_around_a_true_signature_breaks_the_parser(before: str, after: str) -> None:
    body = NOTICES["an event"]

    found = read(body, f"{before},{signed(body)},{after}")

    assert found is None or found.external_id == "evt_1"


@pytest.mark.parametrize("why", NOTICES)
def test_a_kept_notice_is_refused_or_read(why: str) -> None:
    header = sign(NOTICES[why])

    found = read(NOTICES[why], header) if header else None

    if found is not None:
        check(found)
    assert (found is not None) == (why in READABLE)


@corpus.PLAYED
@given(corpus.mutated("notice"))
def test_a_signed_body_is_a_notice_or_refused(body: bytes) -> None:
    header = sign(body)
    found = read(body, header) if header else None

    if found is not None:
        check(found)


READABLE = {
    "an event",
    "a thin event",
    "a thin event about nothing",
    "the same name twice",
    "metadata as a list",
    "metadata of numbers",
    "a byte order mark",
    "a client secret",
}


@pytest.fixture
def at_the_door(sessions: Sessions) -> Iterator[str]:
    with door(sessions, Woken()) as url:
        yield url


def test_the_door_answers_every_kept_case_and_no_500(sessions: Sessions, at_the_door: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    sent = [
        (NOTICES["an event"], header)
        for header in HEADERS.values()
        if b"\0" not in header and b"\n" not in header
    ]
    for body in NOTICES.values():
        text = body.decode("utf-8", "replace")
        sent.append((body, stripe.WebhookSignature.generate_signature_header(text, CURRENT, now).encode()))

    with httpx.Client(trust_env=False, timeout=30) as http:
        answers = [
            http.post(at_the_door, content=body, headers={b"stripe-signature": header.strip()})
            for body, header in sent
        ]

    assert {answer.status_code for answer in answers} == {200, 400}
    assert all(json.loads(answer.text)["trace_id"] for answer in answers)
    assert {"evt_1", "evt_2"} <= set(kept(sessions))
