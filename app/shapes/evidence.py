"""What the witnesses of a payment say, and what a person has to decide, as replies show it."""

from collections.abc import Sequence
from typing import Final

from app.envelope import Fields
from app.house import House
from app.shapes import money
from app.times import iso
from ledger.money import Amount
from rails import promises
from rails.accounted import asset_of
from rails.models import EvidenceRow, PaymentException
from rails.redaction import redact
from rails.status import PurchaseView

# An item of our own books about a payment that is granted already: nothing an agent has to wait for.
_HOUSE_KEEPING: Final = frozenset({"chain_evidence_pending"})


def witnesses(here: House, view: PurchaseView) -> Sequence[Fields]:
    """Every word of every witness. Who has not spoken yet is listed as pending."""
    said = [{"source": row.source, "state": row.state, "detail": _without_ids(row)} for row in view.evidence]
    heard = {row.source for row in view.evidence}
    silent = [source for source in _expected(here, view) if source not in heard]
    return [*said, *({"source": source, "state": "pending", "detail": {}} for source in silent)]


def chain_evidence(here: House, view: PurchaseView) -> str | None:
    """How sure the chain is: confirmed, final or pending; None when the chain is no witness of this rail."""
    states = [row.state for row in view.evidence if row.source == "chain"]
    if not states and "chain" not in _expected(here, view):
        return None
    # A grain of dust at the address is a word of the chain, and no witness of the payment.
    if any(row.kind == "chain_evidence_pending" and row.closed_at is None for row in view.exceptions):
        return "pending"
    return next((word for word in ("final", "confirmed") if word in states), "pending")


def cents(view: PurchaseView, part: str) -> int:
    """A part of what was paid, as its processor tells it; 0 where it tells of none."""
    told = (row.detail.get(part) for row in view.evidence)
    return next((units for units in told if isinstance(units, int)), 0)


def provider_event(here: House, view: PurchaseView) -> Fields | None:
    """The latest word of the processor, None before it has spoken."""
    rows = [row for row in view.evidence if row.source != "chain"]
    if not rows:
        return None
    return {
        "provider": here.processor(view.quote.rail_id),
        "event_type": f"{rows[-1].source}.{rows[-1].state}",
        "event_id": f"[redacted-{rows[-1].source}-event]",
        # A row exists only because the processor's API was asked: no notice is believed.
        "verified": True,
        "received_at": iso(rows[-1].last_seen_at),
    }


def exception(view: PurchaseView) -> Fields | None:
    """The difference that waits for a person's decision, None if none is open."""
    found = waiting(view)
    return _shown(view, found) if found is not None else None


def waiting(view: PurchaseView) -> PaymentException | None:
    """The latest item that waits for a person, None if none is open."""
    items = [row for row in view.exceptions if row.closed_at is None and row.kind not in _HOUSE_KEEPING]
    # Whatever strangers send to the address must not hide what became of the payment.
    items.sort(key=lambda row: row.kind != "wrong_token")
    return items[-1] if items else None


def not_granted(view: PurchaseView) -> str | None:
    """What was decided about money that arrived and was not granted: write_off, refund; else None."""
    rows = [row for row in view.exceptions if row.resolution in ("write_off", "refund")]
    # Another token never was a payment.
    decided = [row.resolution for row in rows if row.kind != "wrong_token"]
    return decided[-1] if decided and view.receipt is None else None


def decided_by_policy(view: PurchaseView, row: PaymentException) -> bool:
    """Whether nobody has to decide: what the agent was promised does, once the money is final."""
    return view.attempt is not None and promises.credits(view.attempt, kind=row.kind, late=row.late)


def amounts(row: PaymentException) -> tuple[Amount, Amount]:
    """What was asked for, and what was seen."""
    asset = asset_of(row)
    return Amount(int(row.expected_units), asset), Amount(int(row.received_units), asset)


def _shown(view: PurchaseView, row: PaymentException) -> Fields:
    expected, received = amounts(row)
    return {
        "kind": row.kind,
        "decided_by": "policy" if decided_by_policy(view, row) else "review",
        "asset": row.asset,
        "expected_atomic": str(expected.units),
        "received_atomic": str(received.units),
        "token_amounts": {"expected": money.short(expected), "received": money.short(received)},
        "opened_at": iso(row.opened_at),
    }


def _expected(here: House, view: PurchaseView) -> Sequence[str]:
    rail = here.rails.get(view.quote.rail_id)
    return rail.witnesses if rail is not None else ()


def _without_ids(row: EvidenceRow) -> Fields:
    """The detail without what names anything at the processor, or where the money was sent to."""
    return {
        name: value
        for name, value in row.detail.items()
        if not name.endswith(("_id", "_secret", "address"))
        and (not isinstance(value, str) or redact(value) == value)
    }
