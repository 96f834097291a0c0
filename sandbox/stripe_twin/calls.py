"""One API request, read and authenticated, and the keys that open the API."""

import base64
import binascii
from dataclasses import dataclass, field

from sandbox.stripe_twin.errors import WrongKey
from sandbox.stripe_twin.form import Nodes
from sandbox.stripe_twin.settings import TwinConfig
from sandbox.stripe_twin.versions import Version
from sandbox.stripe_twin.world import Cause


@dataclass(frozen=True, kw_only=True)
class Call:
    """What an endpoint needs to know about a request."""

    method: str
    path: str
    base_url: str
    livemode: bool
    version: Version
    nodes: Nodes
    request_id: str
    idempotency_key: str | None = None
    names: dict[str, str] = field(default_factory=dict)

    @property
    def cause(self) -> Cause:
        """What the events of this call are put down to."""
        return Cause(self.request_id, self.idempotency_key)


def livemode(config: TwinConfig, authorization: str | None) -> bool:
    """The mode that the key in the `Authorization` header opens.

    raises: WrongKey
    """
    key = presented_key(authorization)
    if key == config.live_secret_key:
        return True
    if key == config.secret_key:
        return False
    raise WrongKey(f"Invalid API Key provided: {masked(key)}")


def presented_key(authorization: str | None) -> str:
    """The key of a Bearer or Basic header."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError) as error:
            raise WrongKey("Invalid Authorization header.") from error
    raise WrongKey(
        "You did not provide an API key. You need to provide your API key in the Authorization header, "
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
    )


def masked(key: str) -> str:
    """The key as an error message may show it."""
    return f"{key[:8]}{'*' * max(len(key) - 12, 4)}{key[-4:]}" if len(key) > 16 else "*" * len(key)
