"""How the service speaks of itself, as replies promise it."""

from typing import Literal

from typing_extensions import TypedDict


class Health(TypedDict):
    """The service reaches its database."""

    status: Literal["ok"]
    api_version: Literal["v1"]
