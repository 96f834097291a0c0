"""What a command needs to have a processor send money back."""

from app import settings
from ledger.database import Sessions
from rails import registry
from rails.chain.settings import ChainSettings
from rails.rail import Rails
from rails.stripe.settings import StripeSettings


def rails(sessions: Sessions) -> Rails:
    """The installed rails, as the environment describes them.

    raises: SettingsRefused
    """
    settings.require(StripeSettings, ChainSettings)
    return registry.load(sessions)
