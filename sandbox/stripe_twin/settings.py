"""What one twin is told when it starts: keys, chain, endpoints and how patient it is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

BASE_USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
SECRET_KEY_VARIABLE = "STRIPE_TWIN_SECRET_KEY"
LIVE_SECRET_KEY_VARIABLE = "STRIPE_TWIN_LIVE_SECRET_KEY"
PayloadStyle = Literal["snapshot", "thin", "both"]
"""Which events an endpoint gets: those of API v1 with the object, those of v2 with its id, or both."""
WEBHOOK_SECRET_VARIABLE = "STRIPE_TWIN_WEBHOOK_SECRET"


class MissingSecret(ValueError):
    """A secret that the twin needs is not in the environment."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A webhook endpoint; two secrets mean that a rotation is under way."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    enabled_events: tuple[str, ...] = ("*",)
    payload: PayloadStyle = "snapshot"


@dataclass(frozen=True, kw_only=True)
class TwinConfig:
    """Everything that may differ between two twins.

    `public_url` is where people reach the hosted page, if that is not where the API is called.
    `watch_test_mode` goes beyond Stripe, whose sandboxes watch no chain: with it a test key is enough.
    `deposit_lifetime_seconds` is a guess: Stripe documents that deposits expire, but not when.
    """

    secret_key: str = field(repr=False)
    live_secret_key: str = field(repr=False)
    state_file: Path | None = None
    rpc_url: str | None = None
    usdc_contract: str = BASE_USDC
    confirmations: int = 1
    poll_seconds: float = 0.25
    watch_test_mode: bool = True
    crypto_deposits_enabled: bool = True
    deposit_lifetime_seconds: int = 86_400
    simulate_delay_seconds: float = 0.5
    api_version: str = "2026-10-28.endive"
    retry_delays_seconds: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0)
    delivery_timeout_seconds: float = 10.0
    endpoints: tuple[Endpoint, ...] = ()
    merchant: str = "Pennyrail"
    public_url: str | None = None


def with_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process that is told these secrets."""
    return {**os.environ, **values}


def secret(name: str, environment: Mapping[str, str] | None = None) -> str:
    """The secret in the environment variable `name`.

    raises: MissingSecret if it is absent or empty, since an empty secret verifies what anyone can forge.
    """
    value = (os.environ if environment is None else environment).get(name, "")
    if not value:
        raise MissingSecret(f"the environment variable {name} is not set")
    return value
