"""What the console needs at hand beside the house: its settings, its words, and whether money is live."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from jinja2 import Environment
from starlette.requests import Request

from app.console import wording
from office.exports.settings import ExportSettings
from office.settings import ConsoleSettings
from outbound.vault import Vault


def nobody() -> None:
    """Wake nobody: whoever asks for an export waits for the clock."""


@dataclass(frozen=True)
class Desk:
    """Passed in once when the console is mounted."""

    settings: ConsoleSettings
    live: bool
    exports: ExportSettings = field(default_factory=ExportSettings)
    wake_exporters: Callable[[], None] = nobody
    """Tells the workers that an export was asked for; the clock wakes them too."""

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
