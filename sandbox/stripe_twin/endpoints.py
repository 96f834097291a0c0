"""Every path of the API and what answers it."""

from collections.abc import Callable

from sandbox.stripe_twin import (
    balance,
    charges,
    checkout,
    deposit_addresses,
    disputes,
    events,
    fraud_warnings,
    payment_intents,
    payouts,
    promotions,
    refunds,
    simulation,
    thin,
)
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

Endpoint = Callable[[World, Call], Document]
ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/payment_intents", payment_intents.create),
    ("GET", "/v1/payment_intents", payment_intents.list_page),
    ("GET", "/v1/payment_intents/{intent}", payment_intents.retrieve),
    ("POST", "/v1/payment_intents/{intent}/cancel", payment_intents.cancel),
    (
        "POST",
        "/v1/test_helpers/payment_intents/{intent}/simulate_crypto_deposit",
        simulation.simulate_deposit,
    ),
    ("GET", "/v1/charges", charges.list_page),
    ("GET", "/v1/charges/{charge}", charges.retrieve),
    ("POST", "/v1/checkout/sessions", checkout.create),
    ("GET", "/v1/checkout/sessions", checkout.list_page),
    ("GET", "/v1/checkout/sessions/{session}", checkout.retrieve),
    ("GET", "/v1/checkout/sessions/{session}/line_items", checkout.list_line_items),
    ("POST", "/v1/checkout/sessions/{session}/expire", checkout.expire),
    ("POST", "/v1/crypto/deposit_addresses", deposit_addresses.create),
    ("GET", "/v1/crypto/deposit_addresses", deposit_addresses.list_page),
    ("GET", "/v1/crypto/deposit_addresses/{address}", deposit_addresses.retrieve),
    ("GET", "/v2/core/events", thin.list_page),
    ("GET", "/v2/core/events/{event}", thin.retrieve),
    ("GET", "/v1/events", events.list_page),
    ("GET", "/v1/events/{event}", events.retrieve),
    ("POST", "/v1/coupons", promotions.create_coupon),
    ("GET", "/v1/coupons/{coupon}", promotions.retrieve_coupon),
    ("POST", "/v1/promotion_codes", promotions.create),
    ("GET", "/v1/promotion_codes", promotions.list_page),
    ("GET", "/v1/promotion_codes/{code}", promotions.retrieve),
    ("POST", "/v1/promotion_codes/{code}", promotions.update),
    ("POST", "/v1/refunds", refunds.create),
    ("GET", "/v1/refunds", refunds.list_page),
    ("GET", "/v1/refunds/{refund}", refunds.retrieve),
    ("POST", "/v1/refunds/{refund}", refunds.update),
    ("POST", "/v1/refunds/{refund}/cancel", refunds.cancel),
    ("GET", "/v1/disputes", disputes.list_page),
    ("GET", "/v1/disputes/{dispute}", disputes.retrieve),
    ("POST", "/v1/disputes/{dispute}", disputes.update),
    ("POST", "/v1/disputes/{dispute}/close", disputes.concede),
    ("GET", "/v1/radar/early_fraud_warnings", fraud_warnings.list_page),
    ("GET", "/v1/radar/early_fraud_warnings/{warning}", fraud_warnings.retrieve),
    ("GET", "/v1/balance", balance.retrieve_sums),
    ("GET", "/v1/balance_transactions", balance.list_page),
    ("GET", "/v1/balance_transactions/{transaction}", balance.retrieve),
    ("POST", "/v1/payouts", payouts.create),
    ("GET", "/v1/payouts", payouts.list_page),
    ("GET", "/v1/payouts/{payout}", payouts.retrieve),
)
