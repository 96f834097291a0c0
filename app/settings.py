"""Settings of the doors, and the check that a process makes of every setting before it starts."""

from collections.abc import Sequence
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.exc import ArgumentError

from app import addresses, errors
from ledger import database
from ledger.settings import LedgerSettings
from office.settings import ConsoleSettings
from outbound.settings import OutboundSettings
from rails import registry
from rails.chain.settings import ChainSettings
from rails.reconciliation.settings import ReconciliationSettings
from rails.settings import PolicySettings, RegistrySettings, StorySettings
from rails.stripe.settings import StripeSettings
from rails.telemetry.settings import TelemetrySettings, TraceSettings
from workers.settings import DrainSettings, QueueSettings


class DoorSettings(BaseSettings):
    """What agents are told, and how much they may send."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    public_url: str = Field(description="the address this service is reached at from outside")
    client_command: str = Field(
        default="pennyrail", min_length=1, description="the client's name in every suggested command"
    )
    docs_url: str = Field(
        default="", description="where recovery points to, empty for our own API description"
    )
    security_contact: str = Field(
        default="",
        pattern=r"^$|^(mailto:|https://|tel:)\S+$",
        description="whom to tell of a weakness, as mailto:, https: or tel:; empty serves no security.txt",
    )
    default_rail: str = Field(
        default="stripe_checkout", description="the rail of a quote request that names none"
    )
    body_max_bytes: int = Field(default=16_384, ge=1024, description="the largest request body that is read")
    in_flight_wait_seconds: float = Field(
        default=5, ge=0, le=20, description="how long a purchase waits for another with its key"
    )
    activity_max_rows: int = Field(default=100, ge=1, le=1000)
    status_waiting_most: int = Field(
        default=2000,
        ge=0,
        description="how many may wait for a change in one process; others are told at once",
    )
    status_waiting_most_each: int = Field(
        default=20, ge=0, description="how many of them may wait for the same agent"
    )
    low_credits: int = Field(default=20, ge=0, description="a balance under this is worth a top-up")
    preview_credits: int = Field(
        default=20, ge=0, le=1_000_000, description="free credits of a new agent; 0 gives none"
    )
    preview_daily_jobs: int = Field(
        default=4, ge=0, le=1_000_000, description="jobs a day of an agent that has only free credits"
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be https://... (http://... on this machine) and name a host")
        return given

    @property
    def base_url(self) -> str:
        """The public address without a slash at its end."""
        return self.public_url.rstrip("/")

    @property
    def documentation(self) -> str:
        """Where an agent reads on."""
        return self.docs_url or f"{self.base_url}/openapi.json"


class LimitSettings(BaseSettings):
    """How often one agent, or one address without a token, may knock. 0 is no limit."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_LIMIT_", frozen=True)

    status_per_second: int = Field(default=5, ge=0, description="an agent's looks at its purchases")
    quotes_per_minute: int = Field(default=30, ge=0, description="an agent's quotes")
    purchases_per_minute: int = Field(default=20, ge=0, description="an agent's purchases, repeated ones too")
    other_per_second: int = Field(default=10, ge=0, description="an agent's other requests")
    signups_per_minute: int = Field(default=10, ge=0, description="signups from one address")
    strangers_per_minute: int = Field(default=30, ge=0, description="refused tokens from one address")
    visits_per_second: int = Field(default=10, ge=0, description="requests that need no token, an address")
    trusted_proxies: str = Field(
        default="", description="networks whose X-Forwarded-For is believed, separated by commas"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        addresses.networks(given)
        return given

    @property
    def proxies(self) -> tuple[addresses.Network, ...]:
        """The networks whose word on addresses is believed."""
        return addresses.networks(self.trusted_proxies)


class ModeSettings(BaseSettings):
    """Whether real money moves here, said beside the key that decides it."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    mode: Literal["", "test", "live"] = Field(
        default="", description="test or live refuses the keys of the other; empty is what the key says"
    )
    allow_full_stripe_key: bool = Field(
        default=False, description="start live with an sk_live_ key, which can pay out, too"
    )


class WorkSettings(BaseSettings):
    """How much one process does at a time, and how many may wait. Each place takes a thread."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_WORK_", frozen=True)

    at_once: int = Field(default=3, ge=1, le=200, description="requests that are answered from the database")
    purchases_at_once: int = Field(
        default=12, ge=1, le=200, description="purchases, which wait for the processor meanwhile"
    )
    console_at_once: int = Field(default=4, ge=1, le=200, description="pages for operators")
    waiting_most: int = Field(default=200, ge=0, description="how many of each may wait; others get a 503")
    wait_seconds: float = Field(default=0.5, gt=0, description="how long each of them waits for its turn")
    long_wait_seconds: float = Field(
        default=2, gt=0, description="the same for purchases, which last longer, and for operators"
    )

    @property
    def threads(self) -> int:
        """Threads that all places together may need, and some for whoever waits in none."""
        return self.at_once + self.purchases_at_once + self.console_at_once + 10


class ConnectionSettings(BaseSettings):
    """How long one process bears a client that is slow, and how many there may be."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_CONNECTION_", frozen=True)

    most: int = Field(default=4000, ge=10, description="open at a time; the idlest is closed for a new one")
    head_seconds: float = Field(default=10, gt=0, description="until the headers of a request are complete")
    head_max_bytes: int = Field(default=16_384, ge=1024, description="the largest headers that are read")
    body_seconds: float = Field(default=20, gt=0, description="from then on until its body is complete")
    unread_seconds: float = Field(default=30, gt=0, description="how long a reply may wait to be read")
    idle_seconds: int = Field(
        default=65, ge=1, description="how long it stays open after a reply; longer than a balancer's own"
    )


class MigrationSettings(BaseSettings):
    """Who changes the schema. The service needs none of its rights."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_", frozen=True)

    migrate_database_url: str = Field(
        default="", description="the database as its owner; empty if the service's user owns it"
    )
    api_database_url: str = Field(
        default="",
        description="the database as the API logs in, who then serves and no more; made if missing",
    )
    worker_database_url: str = Field(
        default="", description="the database as workers log in, who then settle and no more; made if missing"
    )


# The clock needs no secret, and still refuses what the others would refuse: half a house is no house.
# What it is given beyond these is read as the others read it (app/live.py).
OF_THE_CLOCK: Final = (
    QueueSettings,
    DrainSettings,
    StorySettings,
    PolicySettings,
    RegistrySettings,
    DoorSettings,
    ModeSettings,
    TelemetrySettings,
    TraceSettings,
)
OF_A_PROCESS: Final = (
    LedgerSettings,
    StripeSettings,
    ChainSettings,
    LimitSettings,
    WorkSettings,
    ConnectionSettings,
    OutboundSettings,
    ConsoleSettings,
    ReconciliationSettings,
    *OF_THE_CLOCK,
)
_Kind = TypeVar("_Kind", bound=BaseSettings)
_IS_MISSING: Final = " is missing"
_NO_POSTGRESQL: Final = "must be an address like postgresql://user:password@host/database"


def require(*needed: type[BaseSettings], otherwise: str = "") -> None:
    """Read these settings, all of them, so that one try tells everything that is wrong.

    `otherwise` is what else the caller may do than set them.

    raises: SettingsRefused
    """
    refuse(problems(*needed), otherwise=otherwise)


def problems(*needed: type[BaseSettings]) -> list[str]:
    """What is missing or wrong in these settings, a line each."""
    return list(dict.fromkeys(problem for each in needed for problem in _problems(each)))


def problems_if_given(*known: type[BaseSettings]) -> list[str]:
    """What is wrong in settings that the process can do without: none of them has to be given."""
    return [problem for problem in problems(*known) if not problem.endswith(_IS_MISSING)]


def refuse(found: Sequence[str], *, otherwise: str = "") -> None:
    """Refuse settings that have problems, a line each.

    raises: SettingsRefused if there are any
    """
    if found:
        lines = "\n".join(f"  {problem}" for problem in found)
        raise errors.SettingsRefused(f"settings are missing or wrong:\n{lines}\nsee .env.example{otherwise}")


def readable(kind: type[_Kind]) -> _Kind | None:
    """These settings, None if they cannot be read: `problems` says why."""
    try:
        return kind()
    except ValidationError:
        return None


def explain(kind: type[BaseSettings], error: ValidationError) -> list[str]:
    """A line for each wrong setting of a class, by the name of its environment variable."""
    prefix = kind.model_config.get("env_prefix", "")
    return [
        _line(f"{prefix}{each['loc'][0]}".upper(), error=each) for each in error.errors(include_url=False)
    ]


def _line(variable: str, *, error: ErrorDetails) -> str:
    given = error["input"]
    if error["type"] == "missing":
        return f"{variable}{_IS_MISSING}"
    if isinstance(given, str) and not given.strip():
        return f"{variable} is empty"
    said = error["msg"].removeprefix("Value error, ")
    return said if said.startswith(variable) else f"{variable}: {said[:1].lower()}{said[1:]}"


def _problems(kind: type[BaseSettings]) -> list[str]:
    try:
        read = kind()
    except ValidationError as error:
        return explain(kind, error)
    match read:
        case LedgerSettings(database_url=url) if not _is_postgresql(url):
            return [f"DATABASE_URL: {_NO_POSTGRESQL}"]
        case MigrationSettings():
            return [
                f"PENNYRAIL_{name.upper()}: {_NO_POSTGRESQL}"
                for name, url in read
                if url and not _is_postgresql(url)
            ]
        case RegistrySettings():
            return registry.problems()
        case DoorSettings(default_rail=rail_id) if (
            not registry.problems() and rail_id not in registry.names()
        ):
            return [f"PENNYRAIL_DEFAULT_RAIL: must be one of {', '.join(registry.names())}"]
        case OutboundSettings(allow_loopback=True) if _is_live():
            return ["PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK: is for a sandbox, and this house is live; remove it"]
        case _:
            return []


def _is_live() -> bool:
    mode, stripe = readable(ModeSettings), readable(StripeSettings)
    return (mode is not None and mode.mode == "live") or (stripe is not None and stripe.live)


def _is_postgresql(url: str) -> bool:
    try:
        return database.parsed(url).drivername in ("postgres", "postgresql", "postgresql+psycopg")
    except (ArgumentError, ValueError):
        return False
