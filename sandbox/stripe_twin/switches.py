"""The switches of one twin: how badly webhooks arrive, and what Stripe does where its documents are silent.

docs/stripe-twin.md lists every switch with what is known.
"""

from typing import Literal

from pydantic import BaseModel, Field


class DeliverySwitches(BaseModel):
    """How badly webhooks are delivered; dropped deliveries never arrive and are never retried."""

    duplicate: int = Field(default=0, ge=0, le=100, description="extra copies of every delivery")
    duplicate_events: int = Field(
        default=0, ge=0, le=10, description="extra events with ids of their own for the same occurrence"
    )
    delay_seconds: float = Field(default=0.0, ge=0, description="how late every delivery is")
    reorder: int = Field(
        default=0, ge=0, description="hold back that many deliveries, then send the newest first"
    )
    drop_next: int = Field(default=0, ge=0, description="lose that many deliveries")
    drop_every: int = Field(default=0, ge=0, description="lose every so-manieth delivery; 0 loses none")
    drop_all: bool = Field(default=False, description="lose every delivery")
    events_show_preview_fields: bool = Field(
        default=False, description="show preview fields in the bodies of webhooks and events"
    )


class MoneySwitches(BaseModel):
    """What happens to money at Stripe."""

    funds_pending_seconds: int = Field(
        default=0, ge=0, description="how long the money of a payment is pending"
    )
    overdraft_cents: int = Field(
        default=100_000,
        ge=0,
        description="how far refunds may draw the balance below zero; 0 makes a lone payment's refund short",
    )
    refunds_stay_pending: bool = Field(
        default=False, description="refunds of other methods than cards are pending until they are settled"
    )
    won_dispute_returns_fee: bool = Field(
        default=False, description="a dispute that is won gives the fee back as well"
    )
    payout_takes_seconds: float = Field(default=0.0, ge=0, description="when a payout is paid")
    payout_itemised_after_seconds: float = Field(
        default=0.0, ge=0, description="when a payout's reconciliation is completed"
    )
    crypto_fee_basis_points: int = Field(
        default=150, ge=0, le=10_000, description="the fee of a crypto payment"
    )
    crypto_moves_as_payment: bool = Field(
        default=True,
        description="crypto moves in the balance as payment and payment_refund; else as charge and refund",
    )
    tax_basis_points: int = Field(
        default=0, ge=0, le=10_000, description="what automatic tax adds at Checkout; 825 are 8.25 %"
    )
    client_reference_id_max: int = Field(
        default=200, ge=1, description="the longest client_reference_id that Checkout takes"
    )


class CryptoSwitches(BaseModel):
    """What happens to deposits and to payments by transaction hash."""

    crypto_enabled: bool = Field(default=True, description="the account may take crypto")
    oldest_preview: str = Field(
        default="2025-01-01", description="the day of the oldest preview version that is still served"
    )
    deposit_mode_until: str = Field(
        default="9999-12-31", description="the day of the first preview version without deposit mode"
    )
    deposit_lifetime_seconds: int | None = Field(
        default=None, ge=0, description="how long a deposit is awaited, if not as long as the settings say"
    )
    expired_deposit: Literal["wait", "cancel"] = Field(
        default="wait",
        description="whether an expired PaymentIntent stays requires_action or is canceled as expired",
    )
    detection_lag_seconds: int = Field(
        default=0, ge=0, description="how long after a transfer is mined Stripe takes notice of it"
    )
    deposit_skips_processing: bool = Field(
        default=False, description="a deposit goes from requires_action to succeeded at once"
    )
    partially_funded_event: bool = Field(
        default=False, description="an underpaid deposit is told of as payment_intent.partially_funded"
    )
    unseen_transaction: Literal["refuse", "process"] = Field(
        default="refuse",
        description="whether a hash that Stripe does not see yet is refused, or processing until it does",
    )
    unseen_transaction_code: str = Field(
        default="transaction_not_found", description="the code of that refusal"
    )
    repeated_transaction: Literal["accept", "refuse"] = Field(
        default="accept", description="whether a second PaymentIntent may name the same hash"
    )


class Switches(DeliverySwitches, MoneySwitches, CryptoSwitches):
    """Every switch; `Switches()` is a twin that is well, as far as Stripe's behaviour is known."""
