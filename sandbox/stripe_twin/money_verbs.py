"""The verbs of the control client that move money at Stripe: refunds, disputes, warnings, payouts, fees."""

from typing import Literal

from pydantic import BaseModel, TypeAdapter

from sandbox.stripe_twin.models import (
    NewDispute,
    NewFee,
    NewPayout,
    NewRefund,
    RefundFailure,
    SettledDispute,
    SettledRefund,
)
from sandbox.stripe_twin.verbs import Verbs

TEXT = TypeAdapter(str)


class MoneyVerbs(Verbs):
    """A part of `Control`."""

    def refund(self, payment_intent: str, cents: int | None = None) -> str:
        """Refund a payment from the dashboard, whole or in part; returns the refund's id."""
        return self._tell(f"/payment_intents/{payment_intent}/refund", NewRefund(cents=cents))

    def settle_refund(
        self,
        refund: str,
        status: Literal["succeeded", "failed", "canceled"],
        reason: RefundFailure | None = None,
    ) -> str:
        """Let the bank answer a refund, also long after it succeeded; returns its status."""
        return self._tell(f"/refunds/{refund}/settle", SettledRefund(status=status, reason=reason))

    def dispute(
        self, payment_intent: str, cents: int | None = None, *, warning: bool = False, withdraw: bool = True
    ) -> str:
        """Let the bank dispute a card payment; an inquiry (`warning`) takes no money. Returns its id."""
        given = NewDispute(cents=cents, warning=warning, withdraw=withdraw)
        return self._tell(f"/payment_intents/{payment_intent}/dispute", given)

    def withdraw_dispute(self, dispute: str) -> str:
        """Take the disputed money now, which turns an inquiry into a dispute; returns its status."""
        return self._tell(f"/disputes/{dispute}/withdraw")

    def close_dispute(self, dispute: str, status: Literal["won", "lost", "warning_closed"]) -> str:
        """End a dispute: won brings withdrawn money back, lost takes it if nobody did; returns its status."""
        return self._tell(f"/disputes/{dispute}/close", SettledDispute(status=status))

    def warn_of_fraud(self, payment_intent: str) -> str:
        """Let the card's bank warn of a payment; returns the id of the early fraud warning."""
        return self._tell(f"/payment_intents/{payment_intent}/warn_of_fraud")

    def pay_out(self, automatic: bool = True, *, livemode: bool = False) -> str:
        """Pay the available balance out to the bank; returns the payout's id."""
        return self._tell("/payouts", NewPayout(automatic=automatic, livemode=livemode))

    def fail_payout(self, payout: str) -> str:
        """Let the bank send a payout back, also after it was paid; returns its status."""
        return self._tell(f"/payouts/{payout}/fail")

    def take_fee(self, cents: int, description: str = "Radar", *, livemode: bool = False) -> str:
        """Let Stripe take a fee that belongs to no payment; returns the balance transaction's id."""
        return self._tell("/fees", NewFee(cents=cents, description=description, livemode=livemode))

    def _tell(self, path: str, body: BaseModel | None = None) -> str:
        return TEXT.validate_json(self._post(path, body))
