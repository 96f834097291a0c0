"""What the console needs at hand beside the house: its settings, its words, and whether money is live."""

from dataclasses import dataclass
from functools import cached_property

from jinja2 import Environment
from starlette.requests import Request

from app.console import wording
from office.settings import ConsoleSettings
from outbound.vault import Vault


@dataclass(frozen=True)
class Desk:
    """Passed in once when the console is mounted."""

    settings: ConsoleSettings
    live: bool

    @cached_property
    def vault(self) -> Vault:
        """What keeps the secrets of second factors, and signs what the browser carries."""
        return self.settings.vault

    @cached_property
    def templates(self) -> Environment:
        """The templates."""
        return wording.environment()

    @property
    def mode(self) -> str:
        """`live` or `test`: visible on every page."""
        return "live" if self.live else "test"


def desk(request: Request) -> Desk:
    """The desk of the console this request came to."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found
