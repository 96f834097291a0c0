"""What a process that takes real money refuses to start with: leftovers of a sandbox, and doors too open.

A house whose public address, Stripe and nodes all are of this machine is a rehearsal: nobody outside reaches
it, and its live key opens nothing. One of them left behind in a house that is reached is refused.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from app import settings
from app.settings import DoorSettings, LimitSettings, MigrationSettings, ModeSettings
from ledger.settings import LedgerSettings
from office.settings import ConsoleSettings
from rails.chain.settings import BASE_CHAIN_ID, BASE_USDC, ChainSettings
from rails.stripe.settings import StripeSettings

_PLACEHOLDERS = frozenset({"", "secret", "other-secret", "postgres", "pennyrail", "password", "changeme"})
_WEBHOOK_SECRET = re.compile(r"whsec_\S{24,}")
_DISTINCT_LETTERS_MIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All the settings that say whether a house may take real money."""

    mode: ModeSettings
    stripe: StripeSettings
    chain: ChainSettings
    doors: DoorSettings
    ledger: LedgerSettings
    migration: MigrationSettings
    limits: LimitSettings
    console: ConsoleSettings


def require() -> None:
    """Read all that a process needs, so that one try tells what is wrong with each and with all together.

    raises: SettingsRefused
    """
    settings.require(*settings.OF_A_PROCESS)
    settings.refuse(problems(given()))


def given() -> Given:
    """What the environment says; every class of it was read before without complaint."""
    return Given(
        mode=ModeSettings(),
        stripe=StripeSettings(),
        chain=ChainSettings(),
        doors=DoorSettings(),
        ledger=LedgerSettings(),
        migration=MigrationSettings(),
        limits=LimitSettings(),
        console=ConsoleSettings(),
    )


def problems(given: Given) -> list[str]:
    """What must change before this process may start, a line each; empty if it may."""
    declared, live = given.mode.mode, given.stripe.live
    if declared and (declared == "live") != live:
        shown, wanted = ("live", "sk_test_ or rk_test_") if live else ("test", "rk_live_")
        return [
            f"STRIPE_SECRET_KEY: is a {shown} key and PENNYRAIL_MODE is {declared};"
            f" give one that begins {wanted}"
        ]
    if not live or _is_rehearsal(given):
        return []
    return [
        *_of_stripe(given.stripe, given.mode),
        *_of_the_doors(given.doors, given.limits, given.console),
        *_of_the_chain(given.chain),
        *_of_the_database(given.ledger, given.migration),
    ]


def _is_rehearsal(given: Given) -> bool:
    return all(map(_is_here, (given.doors.public_url, given.stripe.api_base, *given.chain.node_urls)))


def _of_stripe(stripe: StripeSettings, mode: ModeSettings) -> list[str]:
    found = []
    if stripe.api_base:
        found.append("STRIPE_API_BASE: is for a sandbox, and the Stripe key is a live one; remove it")
    if stripe.secret_key.get_secret_value().startswith("sk_") and not mode.allow_full_stripe_key:
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


def _of_the_doors(doors: DoorSettings, limits: LimitSettings, console: ConsoleSettings) -> list[str]:
    found = []
    if urlsplit(doors.public_url).scheme != "https" or not _host(doors.public_url):
        found.append("PENNYRAIL_PUBLIC_URL: must be https://..., agents send their tokens there")
    elif _is_here(doors.public_url):
        found.append("PENNYRAIL_PUBLIC_URL: names this machine itself; give the address agents reach it at")
    if any(network.prefixlen == 0 for network in limits.proxies):
        found.append("PENNYRAIL_LIMIT_TRUSTED_PROXIES: believes everybody; name the networks of your proxies")
    if console.sso_issuer and urlsplit(console.sso_issuer).scheme != "https":
        found.append("PENNYRAIL_CONSOLE_SSO_ISSUER: must be https://..., it says who operators are")
    return found


def _of_the_chain(chain: ChainSettings) -> list[str]:
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


def _of_the_database(ledger: LedgerSettings, migration: MigrationSettings) -> list[str]:
    found = []
    # No password at all is another way of proving oneself: a socket, a certificate.
    password = make_url(ledger.database_url).password
    if password is not None and str(password).lower() in _PLACEHOLDERS:
        found.append("DATABASE_URL: its password is one of an example; give the service one of its own")
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
