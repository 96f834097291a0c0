"""Payments of the processor: opened by an agent, confirmed by a person, believed when the API says so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from ledger.money import USD, Amount
from rails import errors
from rails.rail import (
    Capabilities,
    Evidence,
    Failed,
    Handle,
    HostedPage,
    Limits,
    Listing,
    NeedsReview,
    Opened,
    Order,
    Outcome,
    Paid,
    Pending,
    Processing,
    RefundOrder,
    Reversed,
    Source,
)

from .settings import BankTransferSettings

RAIL_ID: Final = "bank_transfer"
_TOO_MANY: Final = 429
_BROKEN: Final = 500


class BankTransfer:
    """One payment at the processor for each attempt."""

    rail_id = RAIL_ID
    capabilities = Capabilities(
        agent_initiated=True,
        agent_settleable=False,
        settlement_blocker="requires a person who confirms the payment on the processor's page",
        requires_browser=True,
        buyer_modes=("hybrid", "human_only"),
    )
    listing = Listing(provider=RAIL_ID, purchase_path="bank-transfer-payments")
    limits = Limits(Amount(100, USD), Amount(5000, USD))
    witnesses: tuple[Source, ...] = (RAIL_ID,)

    def __init__(self, settings: BankTransferSettings) -> None:
        self._settings = settings
        self.live_money = settings.live
        self._http = httpx.Client(
            base_url=settings.api_base,
            headers={"authorization": f"Bearer {settings.api_key.get_secret_value()}"},
            timeout=settings.timeout_seconds,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections. Only tests do: a process keeps them for its life."""
        self._http.close()

    @property
    def unavailable_reason(self) -> str | None:
        """Why the rail is closed, by setting."""
        return self._settings.closed or None

    def open(self, order: Order) -> Opened:
        """Create the payment under the attempt's id, so that a repeat returns the same payment."""
        payment = self._ask(
            "POST",
            "/payments",
            key=order.payment_attempt_id,
            attempt=order.payment_attempt_id,
            cents=order.price.units,
            expires_at=int(order.expires_at.timestamp()),
        )
        return Opened(reference=payment["id"], instructions=HostedPage(url=payment["page"]))

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:  # noqa: ARG002
        """What the processor's API says of the payment. `now` plays no part: its end is the processor's."""
        payment = self._ask("GET", f"/payments/{handle.reference}")
        received, evidence = Amount(payment["received_cents"], USD), (_evidence(payment),)
        match payment["state"]:
            case "open":
                return Pending()
            case "arrived":
                return Processing(evidence)
            case "expired" | "canceled" as reason:
                return Failed(reason, evidence)
            case "settled" if payment["attempt"] != handle.payment_attempt_id:
                return NeedsReview("mismatch", handle.price, received, evidence)
            case "settled" if received == handle.price:
                return Paid(received, evidence)
            case "settled":
                kind = "underpaid" if received < handle.price else "overpaid"
                return NeedsReview(kind, handle.price, received, evidence)
            case _:
                # A state of tomorrow is not an answer of today: unknown, not failed.
                raise errors.RailUnreachable("the processor named a state that nobody here knows")

    def cancel(self, handle: Handle) -> None:
        """Close the payment at the processor, so that nobody begins to pay it."""
        self._ask("POST", f"/payments/{handle.reference}/cancel")

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """What the processor says has left the payment again."""
        refunds = self._ask("GET", f"/payments/{handle.reference}/refunds")["refunds"]
        return tuple(
            Reversed("refund", each["id"], "gone", Amount(each["cents"], USD), refund_id=each["refund_id"])
            for each in refunds
        )

    def refund(self, order: RefundOrder) -> str:
        """Have the processor give back a part of the payment, once for each `refund_id`."""
        made: str = self._ask(
            "POST",
            f"/payments/{order.handle.reference}/refunds",
            key=order.refund_id,
            refund_id=order.refund_id,
            cents=order.amount.units,
        )["id"]
        return made

    def _ask(self, method: str, path: str, *, key: str = "", **body: str | int) -> Mapping[str, Any]:
        """The processor's answer.

        raises: RailUnreachable for everything that is no answer, RailRefused for a definite no.
        """
        try:
            answer = self._http.request(method, path, json=body, headers={"idempotency-key": key})
        except httpx.TransportError as error:
            raise errors.RailUnreachable("the processor did not answer") from error
        if answer.status_code == _TOO_MANY or answer.status_code >= _BROKEN:
            raise errors.RailUnreachable(f"the processor did not answer ({answer.status_code})")
        if answer.is_error:
            raise errors.RailRefused(f"the processor refused the request ({answer.status_code})")
        said: Mapping[str, Any] = answer.json()
        return said


def _evidence(payment: Mapping[str, Any]) -> Evidence:
    return Evidence(
        source=RAIL_ID,
        external_id=payment["id"],
        state=payment["state"],
        detail={"received_cents": payment["received_cents"], "cents": payment["cents"]},
    )
