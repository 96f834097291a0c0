"""What a process that takes real money refuses to start with: leftovers of a sandbox, and doors too open.

A house whose public address, Stripe and nodes all are of this machine is a rehearsal: nobody outside reaches
it, and its live key opens nothing. One of them left behind in a house that is reached is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy.exc import ArgumentError

from app import settings
from app.settings import DoorSettings, LimitSettings, MigrationSettings, ModeSettings
from ledger import database
from ledger.settings import LedgerSettings
from office.settings import ConsoleSettings
from rails.chain.settings import BASE_CHAIN_ID, BASE_USDC, ChainSettings
from rails.stripe.settings import StripeSettings

_PLACEHOLDERS = frozenset({"", "secret", "other-secret", "postgres", "pennyrail", "password", "changeme"})
_WEBHOOK_SECRET = re.compile(r"whsec_\S{24,}")
_DISTINCT_LETTERS_MIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All the settings that say whether a house may take real money; None for what cannot be read."""

    mode: ModeSettings | None
    stripe: StripeSettings | None
    chain: ChainSettings | None
    doors: DoorSettings | None
    ledger: LedgerSettings | None
    migration: MigrationSettings | None
    limits: LimitSettings | None
    console: ConsoleSettings | None


def require() -> None:
    """Read all that a process needs, so that one try tells what is wrong with each and with all together.

    raises: SettingsRefused
    """
    settings.refuse([*settings.problems(*settings.OF_A_PROCESS), *problems(given())])


def require_of_the_clock() -> None:
    """The same for the clock, which needs no secret: what it is given has to be in order all the same.

    raises: SettingsRefused
    """
    beyond = [kind for kind in settings.OF_A_PROCESS if kind not in settings.OF_THE_CLOCK]
    found = [*settings.problems(*settings.OF_THE_CLOCK), *settings.problems_if_given(*beyond)]
    settings.refuse([*found, *problems(given())])


def given() -> Given:
    """What the environment says, as far as it can be read."""
    return Given(
        mode=settings.readable(ModeSettings),
        stripe=settings.readable(StripeSettings),
        chain=settings.readable(ChainSettings),
        doors=settings.readable(DoorSettings),
        ledger=settings.readable(LedgerSettings),
        migration=settings.readable(MigrationSettings),
        limits=settings.readable(LimitSettings),
        console=settings.readable(ConsoleSettings),
    )


def problems(given: Given) -> list[str]:
    """What must change before this process may start, a line each; empty if it may."""
    declared = given.mode.mode if given.mode is not None else ""
    of_the_key = list(_of_the_key(given.stripe, declared=declared))
    live = declared == "live" or (not declared and given.stripe is not None and given.stripe.live)
    if not live or _is_rehearsal(given):
        return of_the_key
    return [
        *of_the_key,
        *_of_stripe(given.stripe, given.mode),
        *_of_the_doors(given.doors, given.limits, given.console),
        *_of_the_chain(given.chain),
        *_of_the_database(given.ledger, given.migration),
    ]


def _of_the_key(stripe: StripeSettings | None, *, declared: str) -> Iterator[str]:
    if stripe is None or not declared or (declared == "live") == stripe.live:
        return
    shown, wanted = ("live", "sk_test_ or rk_test_") if stripe.live else ("test", "rk_live_")
    yield (
        f"STRIPE_SECRET_KEY: is a {shown} key and PENNYRAIL_MODE is {declared}; give one that begins {wanted}"
    )


def _is_rehearsal(given: Given) -> bool:
    doors, stripe, chain = given.doors, given.stripe, given.chain
    if doors is None or stripe is None or chain is None:
        return False
    return all(map(_is_here, (doors.public_url, stripe.api_base, *chain.node_urls)))


def _of_stripe(stripe: StripeSettings | None, mode: ModeSettings | None) -> list[str]:
    if stripe is None:
        return []
    found = []
    if stripe.api_base:
        found.append("STRIPE_API_BASE: is for a sandbox, and this house is live; remove it")
    allowed = mode is not None and mode.allow_full_stripe_key
    if stripe.secret_key.get_secret_value().startswith("sk_live_") and not allowed:
        found.append(
            "STRIPE_SECRET_KEY: a full key can pay out everything; make a restricted one (rk_live_...)"
            " with the rights of docs/security.md, or set PENNYRAIL_ALLOW_FULL_STRIPE_KEY=true"
        )
    if not all(_is_a_webhook_secret(each.get_secret_value()) for each in stripe.webhook_secrets):
        found.append(
            "STRIPE_WEBHOOK_SECRETS: copy each from Stripe's dashboard, whsec_...; one is none of Stripe's"
        )
    return found


def _is_a_webhook_secret(secret: str) -> bool:
    random = secret.removeprefix("whsec_")
    return bool(_WEBHOOK_SECRET.fullmatch(secret)) and len(set(random)) >= _DISTINCT_LETTERS_MIN


def _of_the_doors(
    doors: DoorSettings | None, limits: LimitSettings | None, console: ConsoleSettings | None
) -> list[str]:
    found = []
    if doors is not None and urlsplit(doors.public_url).scheme != "https":
        found.append("PENNYRAIL_PUBLIC_URL: must be https://..., agents send their tokens there")
    elif doors is not None and _is_here(doors.public_url):
        found.append("PENNYRAIL_PUBLIC_URL: names this machine itself; give the address agents reach it at")
    if limits is not None and any(network.prefixlen == 0 for network in limits.proxies):
        found.append("PENNYRAIL_LIMIT_TRUSTED_PROXIES: believes everybody; name the networks of your proxies")
    if console is not None and console.sso_issuer and urlsplit(console.sso_issuer).scheme != "https":
        found.append("PENNYRAIL_CONSOLE_SSO_ISSUER: must be https://..., it says who operators are")
    return found


def _of_the_chain(chain: ChainSettings | None) -> list[str]:
    if chain is None:
        return []
    found = []
    if chain.base_chain_id != BASE_CHAIN_ID:
        found.append(
            f"PENNYRAIL_BASE_CHAIN_ID: must be {BASE_CHAIN_ID}, Base itself: others' coins are worth nothing"
        )
    if chain.usdc_address != BASE_USDC:
        found.append(
            f"PENNYRAIL_USDC_ADDRESS: must be {BASE_USDC}, Circle's contract on Base; remove the setting"
        )
    # Not which address: providers put their keys into it.
    if any(map(_is_here, chain.node_urls)):
        found.append(
            "PENNYRAIL_BASE_RPC_URL(S): names this machine, as a sandbox does; name the node by its network"
        )
    if any(urlsplit(url).scheme != "https" and not _is_inside(url) for url in chain.node_urls):
        found.append("PENNYRAIL_BASE_RPC_URL(S): must be https://... for a node outside your own network")
    return found


def _of_the_database(ledger: LedgerSettings | None, migration: MigrationSettings | None) -> list[str]:
    found = []
    # No password at all is another way of proving oneself: a socket, a certificate.
    password = _password(ledger.database_url) if ledger is not None else None
    if password is not None and password.lower() in _PLACEHOLDERS:
        found.append("DATABASE_URL: its password is one of an example; give the service one of its own")
    if migration is None:
        return found
    others = {
        "PENNYRAIL_MIGRATE_DATABASE_URL": migration.migrate_database_url,
        "PENNYRAIL_API_DATABASE_URL": migration.api_database_url,
        "PENNYRAIL_WORKER_DATABASE_URL": migration.worker_database_url,
    }
    found += [
        f"{name}: is for `pennyrail migrate` alone; start this process without it, or who takes it over"
        " can log in as others"
        for name, url in others.items()
        if url
    ]
    return found


def _password(database_url: str) -> str | None:
    try:
        found = database.parsed(database_url).password
    except (ArgumentError, ValueError):
        # No address at all is refused by itself.
        return None
    return None if found is None else str(found)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _is_here(url: str) -> bool:
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return (address := ip_address(host)).is_loopback or address.is_unspecified
    except ValueError:
        return False


def _is_inside(url: str) -> bool:
    host = _host(url)
    try:
        return ip_address(host).is_private
    except ValueError:
        # A name of one word, or below a zone that is nobody's outside.
        return "." not in host or host.endswith((".internal", ".local", ".svc"))
