"""How the service speaks of itself, as replies promise it."""

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from app.openapi.kinds import Command, MethodId, Url, says

Path = Annotated[str, says("a path of this address", pattern="^/")]


class Health(TypedDict):
    """The service reaches its database."""

    status: Literal["ok"]
    api_version: Literal["v1"]


class Documents(TypedDict):
    """Where to read on."""

    openapi: Url
    llms: Url
    skill: Url
    api_catalog: Url
    docs: Url
    mcp: NotRequired[Url]
    security: NotRequired[Url]


class Endpoints(TypedDict):
    """The paths of the contract, by what they are for."""

    health: Path
    signup: Path
    whoami: Path
    quota: Path
    payment_methods: Path
    credit_packs: Path
    quote: Path
    buy: Annotated[Mapping[str, Path], says("where to buy, for each payment method that is open now")]
    status: Path
    activity: Path
    receipt: Path


class EntryStep(TypedDict):
    """One call on the way to credits."""

    step: str
    method: Literal["GET", "POST"]
    path: Path
    command: Command


class Entry(TypedDict):
    """Everything that a stranger needs."""

    service: Literal["Pennyrail"]
    summary: str
    base_url: Url
    documents: Documents
    endpoints: Endpoints
    steps: list[EntryStep]
    payment_methods: list[MethodId]
