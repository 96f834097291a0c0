"""The rail `stripe_checkout`: an agent starts it, a person pays on Stripe's page."""

from ledger.database import Sessions
from rails.rail import Rail
from rails.stripe import client
from rails.stripe.settings import stripe
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings


def build(_sessions: Sessions) -> Rail:
    """The rail, as the settings describe it."""
    return StripeCheckout(client.connect(stripe()), CheckoutSettings(), live_money=stripe().live)
