"""What a command needs to have a processor send money back."""

from datetime import datetime
from importlib import import_module

from app import settings
from ledger.database import Sessions
from ledger.money import Amount
from rails import registry
from rails.chain.settings import ChainSettings
from rails.errors import NotAllowed
from rails.rail import Rails
from rails.stripe.settings import StripeSettings


def rails(sessions: Sessions) -> Rails:
    """The installed rails, as the environment describes them.

    raises: SettingsRefused
    """
    settings.require(StripeSettings, ChainSettings)
    return registry.load(sessions)


def request(
    sessions: Sessions,
    rails: Rails,
    *,
    payment_attempt_id: str,
    amount: Amount,
    reason: str,
    requested_by: str,
    key: str,
    now: datetime,
) -> object:
    """Ask for a refund; the same key asks once.

    raises: NotAllowed, RailUnreachable, RailRefused
    """
    try:
        refunds = import_module("rails.refunds")
    except ModuleNotFoundError:
        raise NotAllowed(
            "this version asks no processor for refunds: send it back in its dashboard"
        ) from None
    return refunds.request(
        sessions,
        rails,
        payment_attempt_id=payment_attempt_id,
        amount=amount,
        reason=reason,
        requested_by=requested_by,
        key=key,
        now=now,
    )
