"""The rail `stripe_x402.exact.usdc`: a wallet sends exact USDC on Base to an address that Stripe returned."""

from ledger.database import Sessions
from rails.chain.settings import ChainSettings
from rails.rail import Rail
from rails.stripe import client
from rails.stripe.settings import stripe
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import X402Settings


def build(sessions: Sessions) -> Rail:
    """The rail, as the settings describe it."""
    return StripeX402(
        client.connect(stripe()),
        sessions,
        stripe_settings=stripe(),
        chain_settings=ChainSettings(),
        settings=X402Settings(),
    )
