"""What the log of a process may not hold, by kind and by its settings."""

import base64

import pytest

from app import logs
from ledger.keys import SigningKey

SIGNED = base64.b64encode(b'{"x402Version":1,"payload":{"signature":"0xhostile"}}').decode()
KINDS = {
    "Authorization: Basic dXNlcjpwYXNzd29yZA==": "dXNlcjpwYXNzd29yZA",
    "authorization=Bearer hostile-token": "hostile-token",
    "{'PAYMENT-SIGNATURE': 'a1b2c3d4e5'}": "a1b2c3d4e5",
    f"X-PAYMENT: {SIGNED}": SIGNED,
    f"sent {SIGNED} along": SIGNED,
    '{"client_secret": "pi_3Hostile_secret_Hostile123"}': "Hostile123",
    "intent pi_3Hostile00000000_secret_Hostile1234567890": "Hostile1234567890",
    "whsec_aGVsbG8+d29ybGQ/": "aGVsbG8",
    "spt_123456789": "123456789",
    "Stripe-Signature: t=1,v1=5257a869e7": "5257a869e7",
    "password=hunter2hunter2": "hunter2hunter2",
    "postgresql://pennyrail:hunter2@db/pennyrail": "hunter2",
    "redis://:hunter2@queue:6379/0": "hunter2",
    "0x" + "5ec7e7" * 10 + "abcd": "5ec7e7" * 10,
    "c0ffee" * 10 + "1234": "c0ffee" * 10,
    "legal winner thank year wave sausage worth useful legal winner thank yellow": "sausage",
    "paid with 4000 0566 5566 5556 today": "5566 5556",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "c2lnbmF0dXJl",
    "Cookie: __Host-pennyrail=abcdef": "abcdef",
    SigningKey.generate().pem(): "PRIVATE KEY",
}
PLAIN = [
    "payatt_0123456789abcdef01234567 is succeeded, granted now: True",
    "POST /v1/credit-quotes 200 12ms - trace_0123456789abcdef",
    "GET /v1/tokens/{token_id} 404 3ms NOT_FOUND trace_0123456789abcdef",
    "seal 4711, 16 transactions",
    "0af7651916cd43dd8448eb211c80319c",
    "the chain could not be read: eth_getLogs: http://127.0.0.1:8545: timed out",
]


@pytest.mark.parametrize("said", KINDS)
def test_every_kind_of_credential_is_masked(said: str) -> None:
    assert KINDS[said] in said
    assert KINDS[said] not in logs.mask(said)
    assert "[redacted]" in logs.mask(said)


@pytest.mark.parametrize("said", PLAIN)
def test_what_is_no_credential_stays(said: str) -> None:
    assert logs.mask(said) == said


def test_what_is_left_of_a_hash_finds_it() -> None:
    assert logs.mask(f"in 0x{'12ab34cd' * 8}") == "in 0x12ab34cd[redacted]"


def test_the_secrets_of_the_settings_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    key = SigningKey.generate().pem()
    given = {
        "DATABASE_URL": "postgresql://pennyrail:db-word-1@db/pennyrail",
        "PENNYRAIL_MIGRATE_DATABASE_URL": "postgresql://owner:db%2Bword-2@db/pennyrail",
        "REDIS_URL": "redis://:redis-word@queue:6379/0",
        "STRIPE_SECRET_KEY": "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "STRIPE_WEBHOOK_SECRETS": "whsec_first000000,whsec_second0000",
        "PENNYRAIL_BASE_RPC_URL": "https://node.example/v2/rpc-key-0123456789",
        "PENNYRAIL_CONSOLE_SSO_CLIENT_SECRET": "sso-word-1",
        "PENNYRAIL_RECEIPT_KEY": key.replace("\n", "\\n"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    known = set(logs.secrets())

    assert known >= {
        *("db-word-1", "db%2Bword-2", "db+word-2", "redis-word", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
        *("whsec_first000000", "whsec_second0000", "rpc-key-0123456789", key.splitlines()[1]),
    }
    assert "node.example" not in known
