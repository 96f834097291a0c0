"""The verbs of the control client for Checkout Sessions."""

from typing import Literal

from pydantic import TypeAdapter

from sandbox.stripe_twin.models import BankAnswer, NewPromotionCode, Paid, Payment
from sandbox.stripe_twin.verbs import Verbs


class CheckoutVerbs(Verbs):
    """A part of `Control`."""

    def pay(self, session: str) -> Paid:
        """Pay a Checkout Session as its page would."""
        return self.pay_session(session)

    def pay_session(
        self,
        session: str,
        method: Literal["card", "us_bank_account"] = "card",
        promotion_code: str | None = None,
    ) -> Paid:
        """Pay a Checkout Session; by us_bank_account it is complete but unpaid until `settle_delayed`."""
        given = Payment(method=method, promotion_code=promotion_code)
        return Paid.model_validate_json(self._post(f"/checkout/{session}/pay", given))

    def settle_delayed(self, session: str, succeeded: bool = True) -> Paid:
        """Let the bank answer a payment by us_bank_account."""
        given = BankAnswer(succeeded=succeeded)
        return Paid.model_validate_json(self._post(f"/checkout/{session}/settle", given))

    def decline(self, session: str) -> Paid:
        """Let the card be declined on a Checkout Session's page."""
        return Paid.model_validate_json(self._post(f"/checkout/{session}/decline"))

    def add_promotion_code(
        self,
        code: str,
        percent_off: int | float | None = None,
        amount_off: int | None = None,
        *,
        max_redemptions: int | None = None,
        expires_at: int | None = None,
        livemode: bool = False,
    ) -> str:
        """Make a code that people may type at Checkout; returns the promotion code's id."""
        given = NewPromotionCode(
            code=code,
            percent_off=percent_off,
            amount_off=amount_off,
            max_redemptions=max_redemptions,
            expires_at=expires_at,
            livemode=livemode,
        )
        return TypeAdapter(str).validate_json(self._post("/promotion_codes", given))
