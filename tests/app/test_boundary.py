"""What is refused before any door looks at it. Numbers are rows of the contract."""

import json
import logging

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import text
from starlette.requests import Request

from app import boundary, card_numbers, credentials, errors
from tests.app.conftest import Doors, ok

PATHS = [
    "/v1/agent-signups",
    "/v1/credit-quotes",
    "/v1/credit-purchases/fake-pages",
    "/v1/credit-purchases/fake-deposits",
]
SECRET = "hunter2hunter2"
NAMES = [
    "payment_token",
    "payment_secret",
    "payment-required",
    "PAYMENT-SIGNATURE",
    "paymentResponse",
    "X-PAYMENT",
    "authorization",
    "bearer_token",
    "wallet_private_key",
    "privateKey",
    "mnemonic",
    "seed_phrase",
    "seed",
    "card",
    "cardNumber",
    "card_token",
    "cvc",
    "stripe_secret_key",
    "stripe_webhook_secret",
    "client_secret",
    "provider_key",
    "provider_receipt",
    "spt",
    "mpp_token",
    "api_key",
    "password",
]
VALUES = [
    "4242 4242 4242 4242",
    "5555555555554444",
    "sk_live_abcdefgh1234",
    "whsec_abcdefgh1234",
    "pi_3abc_secret_defghijk",
    "isk_r_abcdefghijklmnopqrstuvwx",
    "isk_svc_abcdefghijklmnopqrstuvwx",
    "0x" + "ab" * 32,
    "ab" * 32,
    "my key is " + "AB" * 32,
    "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
    "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    "Bearer abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0",
    "eyJ4NDAyVmVyc2lvbiI6MSwic2NoZW1lIjoiZXhhY3QifQ==",
    "pay with 4242-4242-4242-4242, thank you",
    "3782 822463 10005",
    "\uff14\uff12" + "42" * 7,
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
    "MHcCAQEEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4foAoGCCqGSM49",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDxBvh0",
    "-----BEGIN EC PRIVATE KEY-----",
    "abandon ability able about above absent absorb abstract absurd abuse access accident",
    "1. Legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal 10. winner 11. thank"
    " 12. yellow",
]
# Numbers and hex: an id of a trace or the hash of a certificate may be just that.
MAYBE_BY_CHANCE = [
    "4242 4242 4242 4242",
    "5555555555554444",
    "pay with 4242-4242-4242-4242, thank you",
    "3782 822463 10005",
    "ab" * 32,
    "my key is " + "AB" * 32,
]
NO_REQUESTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"5",
    b'{"credits": NaN}',
    b'{"credits": 5, "credits": 6}',
    b'{"credits": 1' + b"0" * 5000 + b"}",
    b'{"idempotency_key": "\\ud800", "credits": 5}',
    b'{"idempotency_key": "a\\u0000b", "credits": 5}',
    b'{"pack_id": "a\\u0000b"}',
    b'{"idempotency_key": ' + b"[" * 8000 + b"]" * 8000 + b"}",
    "{}".encode("utf-16"),
    b"\xff\xfe",
    f'{{"credits": "{SECRET}"}}'.encode(),
    f'{{"credits": 5, "idempotency_key": ["{SECRET}"]}}'.encode(),
    f'{{"{SECRET}'.encode(),
]
X402_HEADERS = [
    "X-PAYMENT",
    "PAYMENT-REQUIRED",
    "PAYMENT-SIGNATURE",
    "PAYMENT-RESPONSE",
    "X-PAYMENT-RESPONSE",
    "X-Payment-Token",
]


def refused(doors: Doors, response: httpx.Response) -> str:
    """The code of a refusal that repeats nothing of what was sent."""
    reply = doors.visitor().envelope(response)
    assert SECRET not in response.text
    assert response.headers["x-image-skill-exit-code"] == "2"
    code: str = reply["error"]["code"]
    return code


def request(headers: dict[str, str]) -> Request:
    """A request for the balance with these headers."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "path": "/v1/quota", "query_string": b"", "headers": raw})


@pytest.mark.parametrize("path", PATHS)
def test_row_133_a_field_that_would_hold_a_credential_is_refused_at_any_depth(
    doors: Doors, path: str
) -> None:
    for name in NAMES:
        for body in ({name: SECRET}, {"credits": 5, "more": [{"deep": {name: SECRET}}]}):
            response = doors.http.post(path, json=body)

            assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", name


def test_row_133_a_value_that_gives_itself_away_is_refused_whatever_its_field(doors: Doors) -> None:
    for value in VALUES:
        response = doors.http.post("/v1/credit-quotes", json={"credits": 5, "idempotency_key": value})

        assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", value
        assert value not in response.text


@pytest.mark.parametrize(
    "value",
    [
        "quote-1763640000000-1a2b3c4d",
        "1763640000000",
        "purchase:quote_0123456789abcdef",
        "sha256:" + "ab" * 32,
        "4242424242424241",
        "+4915112345678",
        "0.4242424242424242",
        "painter of quiet harbours, who works by night and sells the sketches in the morning for a fee",
    ],
)
def test_ordinary_keys_are_no_credentials(value: str) -> None:
    assert not credentials.anywhere_in({"idempotency_key": value, "return_token": True})


@pytest.mark.parametrize("path", ["/v1/quota", "/healthz", "/v1/credit-purchases/status"])
def test_row_133_payment_headers_are_refused_at_every_door(doors: Doors, path: str) -> None:
    for header in X402_HEADERS:
        response = doors.http.get(path, headers={header: SECRET})

        assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", header


def test_row_133_a_token_in_the_query_is_refused(doors: Doors) -> None:
    response = doors.http.get("/v1/quota", params={"access_token": SECRET})

    assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED"


@pytest.mark.parametrize("place", ["x-note", "idempotency-key", "traceparent", "x-request-id"])
def test_row_133_a_credential_in_any_header_is_refused(doors: Doors, place: str) -> None:
    written_by_tracers = place in ("traceparent", "x-request-id")
    sought = [value for value in VALUES if not (written_by_tracers and value in MAYBE_BY_CHANCE)]
    for value in (value for value in sought if value.isascii()):
        response = doors.http.get("/v1/quota", headers={place: value})

        assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", value
        assert value not in response.text


def test_what_browsers_and_proxies_send_is_no_credential(doors: Doors) -> None:
    agent = doors.agent()
    headers = {
        "authorization": f"Bearer {agent.token}",
        "cookie": "session=" + "ab" * 32,
        "if-none-match": f'"{"ab" * 32}"',
        "content-digest": f"sha-256=:{'ab' * 22}:",
        "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
        "x-request-id": "550e8400-e29b-41d4-a716-446655440000",
        "x-forwarded-for": "2001:db8:1234:5678:1234:5678:1234:5678, 198.51.100.17",
        "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    assert doors.http.get("/v1/quota", headers=headers).status_code == 200


@settings(max_examples=300, deadline=None)
@given(
    trace=st.integers(min_value=0, max_value=2**63 - 1),
    span=st.integers(min_value=0, max_value=2**64 - 1),
    digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
@example(trace=4242424242424242, span=5555555555554444, digest="12" * 32)
def test_what_tracers_and_proxies_write_is_no_credential(trace: int, span: int, digest: str) -> None:
    written = {
        "x-datadog-trace-id": str(trace),
        "x-datadog-parent-id": str(span),
        "x-datadog-tags": f"_dd.p.tid={digest[:16]}",
        "x-cloud-trace-context": f"{digest[:32]}/{span};o=1",
        "traceparent": f"00-{digest[:32]}-{digest[-16:]}-01",
        "tracestate": f"dd=s:1;p:{digest[-16:]},acme={trace}",
        "x-b3-traceid": digest[:16],
        "x-amzn-trace-id": f"Root=1-67891233-{digest[:24]};Parent={digest[-16:]}",
        "x-request-id": str(trace),
        "x-correlation-id": digest,
        "x-acme-traceid": str(span),
        "cf-ray": f"{digest[:16]}-FRA",
        "via": f"1.1 {digest}",
        "x-forwarded-client-cert": f'By=spiffe://a/b;Hash={digest};Subject="";Cert="-----BEGIN%20CERT"',
        "x-amzn-oidc-data": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0",
    }

    boundary.refuse_head(request(written))


@settings(max_examples=50, deadline=None)
@given(number=st.integers(min_value=0, max_value=10**12 - 1))
def test_row_133_a_card_or_a_key_in_a_header_that_nobody_knows_is_refused(number: int) -> None:
    card = next(digits for last in range(10) if card_numbers.is_in(digits := f"411{number:012d}{last}"))
    for planted in (card, f"{number:064x}"):
        for name in ("x-note", "idempotency-key", "x-order", "x-customer-id"):
            with pytest.raises(errors.CredentialRejected):
                boundary.refuse_head(request({name: planted}))


def test_row_133_a_credential_in_the_path_or_the_query_is_refused_however_it_is_encoded(doors: Doors) -> None:
    for value in VALUES:
        once = "".join(f"%{byte:02x}" for byte in value.encode())
        for written in (once, once.replace("%", "%25")):
            for url in (f"/v1/activity/{written}", f"/v1/activity?subject={written}", f"/v1/quota?{written}"):
                response = doors.http.get(url)

                assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", url
                assert value not in response.text


TOKEN_GOES = "show the agent token in the header Authorization: Bearer"
PAY_THERE = "pay on chain or on Stripe's page; no payment credential is ever sent here"
REPLACE = "treat it as compromised and replace it"
POLL = "a transaction hash is not needed here: poll the status"


@pytest.mark.parametrize(
    ("value", "kind", "advice"),
    [
        ("4242 4242 4242 4242", "a card number", (PAY_THERE, REPLACE)),
        ("-----BEGIN EC PRIVATE KEY-----", "a private key", (PAY_THERE, REPLACE)),
        ("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", "a private key", (PAY_THERE, REPLACE)),
        (" ".join(["abandon"] * 12), "a seed phrase", (PAY_THERE, REPLACE)),
        ("eyJ4NDAyVmVyc2lvbiI6MSwic2NoZW1lIjoiZXhhY3QifQ==", "an x402 payment header", (PAY_THERE,)),
        ("pi_3abc_secret_defghijk", "a Stripe secret", (PAY_THERE, REPLACE)),
        ("isk_r_abcdefghijklmnopqrstuvwx", "a bearer token", (TOKEN_GOES, REPLACE)),
        ("0x" + "ab" * 32, "a private key or a transaction hash", (POLL, REPLACE)),
        ("ab" * 32, "a private key or a transaction hash", (POLL, REPLACE)),
    ],
)
def test_a_refusal_says_where_the_credential_was_what_it_looked_like_and_what_to_do(
    doors: Doors, value: str, kind: str, advice: tuple[str, ...]
) -> None:
    sent = [
        ("the field idempotency_key", {"json": {"credits": 5, "idempotency_key": value}}),
        ("a field of the body", {"json": {"credits": 5, "note": {"mine": [value]}}}),
        ("the query", {"params": {"subject": value}}),
        ("the header Idempotency-Key", {"headers": {"idempotency-key": value}}),
        ("a header", {"headers": {"x-note": value}}),
    ]

    for place, parts in sent:
        reply = doors.http.post("/v1/credit-quotes", **parts).json()  # type: ignore[arg-type]

        message = reply["error"]["message"]
        assert message.startswith(f"{place} holds what looks like {kind}; it was not stored. "), message
        assert [each for each in advice if each not in message] == []
        assert value not in str(reply)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("private_key", "a private key"),
        ("mnemonic", "a seed phrase"),
        ("cardNumber", "a card number"),
        ("X-PAYMENT", "an x402 payment header"),
        ("client_secret", "a Stripe secret"),
        ("bearer_token", "a bearer token"),
        ("password", "a credential"),
    ],
)
def test_a_field_that_is_refused_by_its_name_is_not_named(doors: Doors, name: str, kind: str) -> None:
    reply = doors.http.post("/v1/credit-quotes", json={"credits": 5, name: SECRET}).json()

    assert reply["error"]["message"].startswith(f"a field of the body holds what looks like {kind}; ")
    assert name not in reply["error"]["message"]


def test_a_payment_header_and_a_path_are_told_as_what_they_are(doors: Doors) -> None:
    header = doors.http.get("/v1/quota", headers={"x-payment": SECRET}).json()["error"]["message"]
    path = doors.http.get("/v1/activity/sk_live_abcdefgh1234").json()["error"]["message"]

    assert header.startswith("a header holds what looks like an x402 payment header; ")
    assert path.startswith("the path holds what looks like a Stripe secret; ")


def test_row_133_of_a_name_given_twice_in_the_query_both_are_looked_at(doors: Doors) -> None:
    response = doors.http.get("/v1/activity?subject=sk_live_abcdefgh1234&subject=payment")

    assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED"


def test_row_133_a_credential_in_a_body_is_refused_however_its_letters_are_written(doors: Doors) -> None:
    for value in VALUES:
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in value)
        body = f'{{"credits": 5, "idempotency_key": "{escaped}"}}'

        response = doors.http.post(
            "/v1/credit-quotes", content=body.encode(), headers={"content-type": "application/json"}
        )

        assert refused(doors, response) == "PAYMENT_CREDENTIAL_REJECTED", value


def test_row_133_what_was_refused_is_in_no_log_and_no_row(
    doors: Doors, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    agent = doors.agent()

    with caplog.at_level(logging.DEBUG):
        agent.post("/v1/credit-quotes", credits=5, idempotency_key=f"sk_live_{SECRET}")
        agent.post("/v1/credit-quotes", credits=5, idempotency_key="k", private_key=SECRET)

    with engine.connect() as connection:
        quotes = connection.execute(text("SELECT count(*) FROM quote")).scalar_one()
    assert quotes == 0
    assert SECRET not in caplog.text
    assert ok(agent.get("/v1/quota"))["authenticated"] is True


@pytest.mark.parametrize("name", ["promo_code", "discount", "price_amount_cents", "agent-id", "creditz"])
def test_rows_95_and_134_unknown_fields_are_refused_by_name_and_without_their_values(
    doors: Doors, name: str
) -> None:
    agent = doors.agent()

    reply = agent.post("/v1/credit-quotes", credits=5, idempotency_key="k", **{name: SECRET})

    assert reply["error"]["code"] == "INVALID_ARGUMENTS"
    assert reply["error"]["message"] == f"{name} is not a field of the contract"
    assert SECRET not in agent.seen[-1].text


@pytest.mark.parametrize(
    "name", [SECRET, "QmFzZTY0dGV4dHdpdGhvdXRkaWdpdHM", "two words", "<b>", "x" * 41, ""]
)
def test_a_field_whose_name_may_hold_a_secret_is_refused_without_its_name(doors: Doors, name: str) -> None:
    agent = doors.agent()

    reply = agent.post("/v1/credit-quotes", credits=5, idempotency_key="k", **{name: 1})

    assert reply["error"]["message"] == "the request holds a field that is not part of the contract"
    assert not name or name not in agent.seen[-1].text


def test_a_request_without_a_token_hears_that_before_anything_about_its_body(doors: Doors) -> None:
    headers = {"content-type": "application/json"}
    bodies = [b"{", b"[]", b"{}", b'{"creditz": 5}', b'{"credits": "five"}', b"\xff"]

    for path in ("/v1/credit-quotes", "/v1/credit-purchases/fake-pages"):
        for body in bodies:
            response = doors.http.post(path, content=body, headers=headers)

            assert doors.visitor().envelope(response)["error"]["code"] == "AUTH_REQUIRED", body


def test_row_152_a_body_that_is_no_request_is_an_envelope_that_repeats_nothing(doors: Doors) -> None:
    headers = {"authorization": f"Bearer {doors.agent().token}", "content-type": "application/json"}

    for body in NO_REQUESTS:
        response = doors.http.post("/v1/credit-quotes", content=body, headers=headers)

        assert refused(doors, response) == "INVALID_ARGUMENTS", body[:40]
        assert response.status_code == 400


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_read(doors: Doors, kind: str) -> None:
    body = json.dumps({"agent_name": "a", "runtime": "b"}).encode()

    response = doors.http.post("/v1/agent-signups", content=body, headers={"content-type": kind})

    assert refused(doors, response) == "INVALID_ARGUMENTS"


def test_json_with_a_charset_is_json(doors: Doors) -> None:
    body = json.dumps({"agent_name": "a", "runtime": "b"}).encode()
    headers = {"content-type": "Application/JSON; charset=utf-8"}

    assert doors.http.post("/v1/agent-signups", content=body, headers=headers).status_code == 200


def test_a_body_over_the_limit_is_refused_and_the_sender_still_hears_it(doors: Doors) -> None:
    long = {"agent_name": "a" * 1_500_000, "runtime": "b"}
    streamed = iter([b'{"agent_name": "'] + [b"a" * 8_000] * 40)

    whole = doors.http.post("/v1/agent-signups", json=long)
    chunked = doors.http.post(
        "/v1/agent-signups", content=streamed, headers={"content-type": "application/json"}
    )

    assert [refused(doors, each) for each in (whole, chunked)] == ["REQUEST_TOO_LARGE"] * 2
    assert whole.status_code == chunked.status_code == 413
