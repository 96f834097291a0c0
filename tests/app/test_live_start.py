"""A process that would move real money does not start over what is left of a sandbox."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from app import errors, live
from tests.house.test_env_example import variables

# Written apart, so that no scanner takes them for somebody's.
LIVE_KEY = "rk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
FULL_KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
TEST_KEY = "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"
WEBHOOK_SECRET = "whsec_" + "Zf3qTn8Kp2VxWm7Rb1Lc9Hs4Yd6Gj0Ea"
LIVE = {
    "DATABASE_URL": "postgresql://pennyrail_app:3hWq8ZrL@db.internal/pennyrail",
    "REDIS_URL": "rediss://:8ZrL3hWq@redis.internal:6379/0",
    "STRIPE_SECRET_KEY": LIVE_KEY,
    "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "PENNYRAIL_MODE": "live",
    "PENNYRAIL_PUBLIC_URL": "https://pay.example.com",
    "PENNYRAIL_BASE_RPC_URL": "https://base.example.com/v2/Jf8sKq2LmX",
}
REHEARSAL = {
    "STRIPE_SECRET_KEY": FULL_KEY,
    "STRIPE_API_BASE": "http://127.0.0.1:4242",
    "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1:8402",
    "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:8545",
}


def start(monkeypatch: pytest.MonkeyPatch, changed: Mapping[str, str]) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    for name, value in {**LIVE, **changed}.items():
        monkeypatch.setenv(name, value)
    live.require()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"PENNYRAIL_MODE": ""},
        {"STRIPE_SECRET_KEY": FULL_KEY, "PENNYRAIL_ALLOW_FULL_STRIPE_KEY": "true"},
        {"PENNYRAIL_BASE_RPC_URL": "http://base-node:8545"},
        {"PENNYRAIL_BASE_RPC_URL": "http://10.1.2.3:8545"},
        {"DATABASE_URL": "postgresql://pennyrail_app@db.internal/pennyrail"},
        {"PENNYRAIL_LIMIT_TRUSTED_PROXIES": "10.0.0.0/8"},
        REHEARSAL,
        {"STRIPE_SECRET_KEY": TEST_KEY, "PENNYRAIL_MODE": "test", "PENNYRAIL_PUBLIC_URL": "http://pay.test"},
    ],
)
def test_a_house_that_is_in_order_starts(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]) -> None:
    start(monkeypatch, changed)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        # Keys of the wrong mode, or too mighty.
        ({"STRIPE_SECRET_KEY": TEST_KEY}, "is a test key and PENNYRAIL_MODE is live.*rk_live"),
        ({"PENNYRAIL_MODE": "test"}, "is a live key and PENNYRAIL_MODE is test; .*sk_test_"),
        ({"PENNYRAIL_MODE": "production"}, "PENNYRAIL_MODE: "),
        ({"STRIPE_SECRET_KEY": FULL_KEY}, "a full key can .*PENNYRAIL_ALLOW_FULL_STRIPE_KEY"),
        ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY is empty"),
        # Secrets that are empty, or that somebody has read in an example.
        ({"STRIPE_WEBHOOK_SECRETS": ""}, "STRIPE_WEBHOOK_SECRETS is empty"),
        ({"STRIPE_WEBHOOK_SECRETS": f"{WEBHOOK_SECRET},"}, "STRIPE_WEBHOOK_SECRETS needs .*none empty"),
        ({"STRIPE_WEBHOOK_SECRETS": "whsec_" + "0" * 32}, "STRIPE_WEBHOOK_SECRETS: copy each from Stripe"),
        ({"STRIPE_WEBHOOK_SECRETS": "not-one-of-stripes-secrets"}, "STRIPE_WEBHOOK_SECRETS: copy each"),
        ({"DATABASE_URL": "postgresql://pennyrail_app:secret@db/pennyrail"}, "DATABASE_URL: its password"),
        ({"DATABASE_URL": "postgresql://postgres:postgres@db/pennyrail"}, "DATABASE_URL: its password"),
        ({"PENNYRAIL_MIGRATE_DATABASE_URL": "postgresql://o:3hWq8@db/p"}, "MIGRATE_DATABASE_URL: is for"),
        # Addresses of a sandbox, and addresses that others can read along.
        ({"STRIPE_API_BASE": "http://127.0.0.1:4242"}, "STRIPE_API_BASE: is for a sandbox.*remove it"),
        ({"STRIPE_API_BASE": "https://api.stripe.example.com"}, "STRIPE_API_BASE: is for a sandbox"),
        ({"PENNYRAIL_PUBLIC_URL": "http://pay.example.com"}, "PENNYRAIL_PUBLIC_URL: must be https"),
        ({"PENNYRAIL_PUBLIC_URL": "https://"}, "PENNYRAIL_PUBLIC_URL: must be https"),
        ({"PENNYRAIL_PUBLIC_URL": "pay.example.com"}, "PENNYRAIL_PUBLIC_URL: must be https"),
        ({"PENNYRAIL_BASE_RPC_URL": "base.example.com"}, "PENNYRAIL_BASE_RPC_URL: must be http.* a host"),
        ({"PENNYRAIL_BASE_RPC_URLS": "https://a.test,ftp://b.test"}, "BASE_RPC_URLS: each must be "),
        ({"PENNYRAIL_BASE_RPC_URL": "https://base.test:Jf8sKq2LmX"}, "PENNYRAIL_BASE_RPC_URL: must be http"),
        ({"REDIS_URL": "redis://:3hWq8/x@redis/0"}, "REDIS_URL: must be an address like redis://host"),
        ({"REDIS_URL": "amqp://redis/0"}, "REDIS_URL: must be an address like redis://host"),
        ({"DATABASE_URL": "postgresql://a:secret@one:5432,two:5432/p"}, "DATABASE_URL: its password"),
        ({"PENNYRAIL_PUBLIC_URL": "https://localhost:8402"}, "PENNYRAIL_PUBLIC_URL: names this machine"),
        ({"PENNYRAIL_PUBLIC_URL": "https://[::1]:8402"}, "PENNYRAIL_PUBLIC_URL: names this machine"),
        ({"PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:8545"}, r"BASE_RPC_URL\(S\): names this machine"),
        ({"PENNYRAIL_BASE_RPC_URLS": "http://localhost:8545"}, r"BASE_RPC_URL\(S\): names this machine"),
        ({"PENNYRAIL_BASE_RPC_URL": "http://base.example.com/k"}, r"BASE_RPC_URL\(S\): must be https"),
        ({"PENNYRAIL_CONSOLE_SSO_ISSUER": "http://id.example.com"}, "SSO_ISSUER: must be https"),
        # Another chain, other coins.
        ({"PENNYRAIL_BASE_CHAIN_ID": "84532"}, "PENNYRAIL_BASE_CHAIN_ID: must be 8453"),
        ({"PENNYRAIL_USDC_ADDRESS": "0x" + "ab" * 20}, "PENNYRAIL_USDC_ADDRESS: must be 0x833589f"),
        # Switches that are for a desk.
        ({"PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK": "true"}, "PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK: is for a sandbox"),
        ({"PENNYRAIL_LIMIT_TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES: believes everybody"),
        # A rehearsal with one thing of the world outside is none.
        ({**REHEARSAL, "PENNYRAIL_PUBLIC_URL": "https://pay.example.com"}, "API_BASE: is for a sandbox"),
        ({**REHEARSAL, "STRIPE_API_BASE": ""}, "PENNYRAIL_PUBLIC_URL: must be https"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_sandbox_is_named_and_refused(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(errors.SettingsRefused, match=told) as refused:
        start(monkeypatch, changed)

    secrets = (LIVE_KEY, FULL_KEY, TEST_KEY, WEBHOOK_SECRET, "3hWq8", "Jf8sKq2LmX")
    assert not any(secret in str(refused.value) for secret in secrets)


@pytest.mark.parametrize(
    "wrong",
    [
        {"PENNYRAIL_PUBLIC_URL": "http://pay.example.com", "PENNYRAIL_BASE_CHAIN_ID": "1"},
        # A test key hides nothing of what else is left of a sandbox, nor does a setting that is empty.
        {
            "STRIPE_SECRET_KEY": TEST_KEY,
            "STRIPE_API_BASE": "http://127.0.0.1:4242",
            "PENNYRAIL_PUBLIC_URL": "http://pay.example.com",
            "PENNYRAIL_BASE_CHAIN_ID": "84532",
            "PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK": "true",
            "PENNYRAIL_LIMIT_TRUSTED_PROXIES": "0.0.0.0/0",
            "REDIS_URL": "",
        },
    ],
)
def test_one_start_tells_everything_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    with pytest.raises(errors.SettingsRefused) as refused:
        start(monkeypatch, wrong)

    _, *told, _ = str(refused.value).splitlines()
    assert {re.split("[: ]", line.strip())[0] for line in told} == wrong.keys()
    assert len(told) == len(wrong)


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "REDIS_URL", "PENNYRAIL_PUBLIC_URL", "PENNYRAIL_BASE_RPC_URL"]
)
def test_a_needed_setting_that_is_empty_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(errors.SettingsRefused, match=f"\n  {name} is empty\n"):
        start(monkeypatch, {name: ""})


def test_the_clock_starts_without_what_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    for name in ("REDIS_URL", "PENNYRAIL_PUBLIC_URL", "PENNYRAIL_MODE"):
        monkeypatch.setenv(name, LIVE[name])

    live.require_of_the_clock()


@pytest.mark.parametrize("process", ["api", "worker", "watcher", "beat"])
def test_the_processes_themselves_refuse(process: str) -> None:
    given = {
        "PATH": os.environ["PATH"],
        **LIVE,
        "STRIPE_SECRET_KEY": TEST_KEY,
        "PENNYRAIL_PUBLIC_URL": "http://pay.example.com",
        "PENNYRAIL_BASE_CHAIN_ID": "84532",
        "REDIS_URL": "",
    }

    done = subprocess.run(
        [sys.executable, "-m", "app.cli", process], env=given, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 1
    for told in (
        "STRIPE_SECRET_KEY: is a test key",
        "PENNYRAIL_PUBLIC_URL: must be https",
        "PENNYRAIL_BASE_CHAIN_ID: must be 8453",
        "REDIS_URL is empty",
    ):
        assert f"\n  {told}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "PENNYRAIL_MIGRATE_DATABASE_URL"])
def test_the_migration_refuses_what_is_no_address_of_a_database(name: str) -> None:
    given = {"PATH": os.environ["PATH"], "DATABASE_URL": LIVE["DATABASE_URL"], name: "nonsense"}

    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "migrate"], env=given, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 1
    assert f"\n  {name}: must be an address like postgresql://" in done.stderr
