"""The document of a house with both rails, as it is served: nothing is asked and nothing listens."""

from datetime import UTC, datetime
from typing import Final

import stripe
from pydantic import SecretStr

from app.main import create_app
from app.openapi.document import describe
from app.openapi.schemas import Schema
from app.settings import DoorSettings
from ledger import database
from rails.chain.settings import ChainSettings
from rails.stripe.settings import StripeSettings
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import X402Settings

BASE: Final = "http://127.0.0.1:8402"
"""Where `make dev` answers."""
_NOBODY: Final = "postgresql://nobody@127.0.0.1:1/none"


def document() -> Schema:
    """The OpenAPI document, whatever the environment says."""
    sessions = database.sessions(database.connect(_NOBODY))
    client = stripe.StripeClient("sk_test_nobody")
    told = StripeSettings(
        secret_key=SecretStr("sk_test_nobody"), webhook_secrets=(SecretStr("whsec_of_nobody_at_all"),)
    )
    page = StripeCheckout(
        client, CheckoutSettings(public_url=BASE, stripe_checkout_closed=""), live_money=False
    )
    deposit = StripeX402(
        client,
        sessions,
        stripe_settings=told,
        chain_settings=ChainSettings(base_rpc_url=SecretStr("http://127.0.0.1:1")),
        settings=X402Settings(stripe_x402_closed=""),
    )
    rails = {rail.rail_id: rail for rail in (page, deposit)}
    return describe(create_app(sessions, rails, DoorSettings(public_url=BASE), lambda: datetime.now(UTC)))
