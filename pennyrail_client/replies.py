"""What the door answers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pennyrail_client import errors
from pennyrail_client.errors import PennyrailError

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits. `version` grows with every change."""

    version: int
    posted: int
    held: int
    available: int


@dataclass(frozen=True, slots=True)
class LotShare:
    """How many credits of a lot a dry run would burn."""

    lot_id: int
    credits: int


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that was carried out, now or, if `replayed`, before. A dry run has no transaction."""

    operation: str
    idempotency_key: str
    agent_id: str
    transaction_id: int | None
    credits: int
    balance: Balance
    hold_id: str | None
    released: int | None
    lots: tuple[LotShare, ...]
    dry_run: bool
    replayed: bool


@dataclass(frozen=True, slots=True)
class BatchResult:
    """One operation of a batch: what was done, or why it was not."""

    done: Done | None
    error: PennyrailError | None


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Credits set aside for a job."""

    hold_id: str
    job_id: str
    credits: int
    in_flight: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one grant."""

    lot_id: int
    granted_in: int
    promotional: bool
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    credits: int
    held: int
    paid_cents: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Balance, holds and lots of an agent at one version."""

    agent_id: str
    balance: Balance
    free_promotional: int
    free_bought: int
    holds: tuple[HoldOpen, ...]
    lots: tuple[Lot, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation, by its key. `outcome` is "done" or why it was refused."""

    idempotency_key: str
    operation: str
    outcome: str
    done: bool
    transaction_id: int
    credits: int | None
    released: int | None
    hold_id: str | None
    balance: Balance | None


@dataclass(frozen=True, slots=True)
class Introspection:
    """Whose a token is; nobody's if it is not `active`."""

    active: bool
    agent_id: str | None
    organization_id: str | None
    claim_state: str | None


@dataclass(frozen=True, slots=True)
class Price:
    """What a job costs. `pricing_confidence` is "exact" for a line of the rate card, else "estimated"."""

    credits_required: int
    credit_unit_usd: Decimal
    estimated_revenue_usd: Decimal
    estimated_provider_cost_usd: Decimal
    pricing_confidence: str


def done(data: Json, *, replayed: bool) -> Done:
    """What an operation's reply says."""
    return Done(
        operation=data["operation"],
        idempotency_key=data["idempotency_key"],
        agent_id=data["agent_id"],
        transaction_id=data["transaction_id"],
        credits=data["credits"],
        balance=Balance(**data["balance"]),
        hold_id=data.get("hold_id"),
        released=data.get("released"),
        lots=tuple(LotShare(**lot) for lot in data.get("lots", ())),
        dry_run=data.get("dry_run", False),
        replayed=replayed,
    )


def batch_result(item: Json, *, key: str, replayed: bool) -> BatchResult:
    """What one result of a batch says."""
    if item["ok"]:
        return BatchResult(done(item["data"], replayed=replayed), None)
    error = errors.from_reply(item["status"], item["error"])
    error.idempotency_keys = (key,)
    return BatchResult(None, error)


def snapshot(data: Json) -> Snapshot:
    """What a balance's reply says."""
    return Snapshot(
        agent_id=data["agent_id"],
        balance=Balance(**data["balance"]),
        free_promotional=data["free"]["promotional"],
        free_bought=data["free"]["bought"],
        holds=tuple(
            HoldOpen(**{**hold, "expires_at": _moment(hold["expires_at"])}) for hold in data["holds"]
        ),
        lots=tuple(
            Lot(
                **{
                    **lot,
                    "effective_at": _moment(lot["effective_at"]),
                    "expires_at": _moment(lot["expires_at"]) if lot["expires_at"] else None,
                }
            )
            for lot in data["lots"]
        ),
    )


def outcome(data: Json) -> Outcome:
    """What an outcome's reply says."""
    return Outcome(**{**data, "balance": Balance(**data["balance"]) if data["balance"] else None})


def introspection(data: Json) -> Introspection:
    """What an introspection's reply says."""
    return Introspection(
        active=data["active"],
        agent_id=data.get("agent_id"),
        organization_id=data.get("organization_id"),
        claim_state=data.get("claim_state"),
    )


def price(data: Json) -> Price:
    """What a price's reply says."""
    return Price(
        credits_required=data["credits_required"],
        credit_unit_usd=Decimal(data["credit_unit_usd"]),
        estimated_revenue_usd=Decimal(data["estimated_revenue_usd"]),
        estimated_provider_cost_usd=Decimal(data["estimated_provider_cost_usd"]),
        pricing_confidence=data["pricing_confidence"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
