"""What happens to a payment that is late, short, too much or sent twice: told before anybody pays."""

from collections.abc import Mapping
from typing import Final

from app.envelope import Fields
from app.house import House
from app.times import iso
from rails.settings import story
from rails.status import PurchaseView

_CENTS: Final = "a credit for each whole cent, nothing for less than a cent"
_REVIEWED: Final = {
    "late": (
        "granted_when_verified",
        "the address stays watched: what arrives late is granted once it is verified, or a person decides;"
        " never pay again for it",
    ),
    "underpaid": (
        "held_for_review",
        "nothing is granted; do not send the missing rest: a person on our side decides",
    ),
    "overpaid": (
        "held_for_review",
        "one transfer of more than the exact amount is granted only when a person has decided",
    ),
    "topped_up": (
        "held_for_review",
        "several transfers that make the exact amount together are granted only when a person has decided",
    ),
}
_CREDITED: Final = {
    "late": (
        "granted_when_verified",
        "the address stays watched: the exact amount that arrives late is granted once it is verified, or"
        " final; never pay again for it",
    ),
    "underpaid": (
        "credited_as_received",
        "what arrived is credited by itself once it is final and the time to pay is over,"
        f" {_CENTS}; do not send the missing rest",
    ),
    "overpaid": (
        "credited_as_received",
        f"all that arrived in one transfer is credited by itself once it is final, {_CENTS}",
    ),
    "topped_up": (
        "credited_as_received",
        "several transfers that make the exact amount together are granted as paid once they are final",
    ),
}
_CHAIN: Final = {
    "repeated": (
        "granted_once",
        "a purchase is granted once; what arrives beside the exact amount waits for a person's decision",
    ),
    "wrong_token_or_network": (
        "not_seen",
        "another token is recorded at best and never granted, another network is not seen: both may be lost",
    ),
}
_PAGE: Final = {
    "late": ("impossible", "the page closes at its end; what was paid before is still granted"),
    "underpaid": ("impossible", "the page takes the exact price"),
    "overpaid": ("impossible", "the page takes the exact price"),
    "topped_up": ("impossible", "the page takes the exact price at once"),
    "repeated": ("impossible", "a page that was paid takes no second payment"),
    "wrong_token_or_network": ("impossible", "the page takes dollars"),
}


def payment_policy(here: House, view: PurchaseView) -> Fields:
    """The rules of a purchase's rail, with the moments they name as far as they are fixed."""
    rail = here.rails.get(view.quote.rail_id)
    on_chain = rail is not None and "chain" in rail.witnesses
    attempt = view.attempt
    watched = attempt.expires_at + story().watch if attempt and on_chain else None
    return {
        "exact_amount_required": on_chain,
        "pay_until": iso(attempt.expires_at) if attempt is not None else None,
        "watched_until": iso(watched) if watched is not None else None,
        **{
            name: {"outcome": outcome, "message": message}
            for name, (outcome, message) in (_on_chain(view.promised) if on_chain else _PAGE).items()
        },
    }


def _on_chain(told: Mapping[str, str]) -> Mapping[str, tuple[str, str]]:
    """What is promised now, or was when the attempt was opened."""
    decided = {kind: (_CREDITED if told[kind] == "credit" else _REVIEWED)[kind] for kind in _REVIEWED}
    return {**decided, **_CHAIN}
