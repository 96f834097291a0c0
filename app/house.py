"""What every door needs at hand, passed in once when the application is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from app import rate_card
from app.addresses import Network
from app.commands import Commands
from app.draining import Draining
from app.limits import Limits
from app.rate_card import RateCard
from app.settings import DoorSettings
from ledger.database import Sessions
from ledger.keys import PublicKey, SigningKey
from rails.rail import Rail, Rails

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class House:
    """The database, the rails, the settings, the only clock, the limits, the models, the key of receipts."""

    sessions: Sessions
    rails: Rails
    settings: DoorSettings
    clock: Clock
    receipt_key: SigningKey | None = None
    other_keys: tuple[PublicKey, ...] = ()
    """Published beside the public half of `receipt_key`: the next one, and those that sign no more."""
    rate_card: RateCard = field(default_factory=lambda: rate_card.SAMPLE)
    limits: Limits = field(default_factory=lambda: Limits(None))
    proxies: tuple[Network, ...] = ()
    draining: Draining = field(default_factory=Draining)

    @property
    def commands(self) -> Commands:
        """The commands to suggest, in the words of this installation's client."""
        return Commands(self.settings.client_command)

    def provider_flag(self, rail_id: str) -> str:
        """The client's `--provider` for a rail, a word to fill in if the rail is not installed."""
        rail = self.rails.get(rail_id)
        return rail.listing.provider if rail is not None else "PROVIDER"

    def processor(self, rail_id: str) -> str | None:
        """Who takes the money: the witness of a rail that is not the chain itself."""
        rail = self.rails.get(rail_id)
        if rail is None:
            return None
        return next((source for source in rail.witnesses if source != "chain"), rail.listing.provider)

    def rail_at(self, path_template: str) -> Rail | None:
        """The rail whose purchases are opened at a path."""
        last = path_template.rpartition("/")[2]
        return next((rail for rail in self.rails.values() if rail.listing.purchase_path == last), None)


def house(request: Request) -> House:
    """The house this request came to."""
    found = request.app.state.house
    assert isinstance(found, House)
    return found
