"""What came of an operation, as the door tells it: the same words for the same key, for ever."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app import http_errors
from app.house import house
from app.internal.errors import Declined
from app.internal.requests import Grant, Hold, OfHold, Spending, Unwind, Wish
from app.internal.writer import Row
from app.shapes import recommendations
from app.times import iso, next_day
from ledger.credits import CONFLICT, DONE, Outcome
from ledger.money import CREDIT, Amount

Fields = Mapping[str, object]
CAPPED: Final = "daily_job_cap_reached"
UNKNOWN_ACCOUNT: Final = "unknown_account"

_CODES: Final[Mapping[str, tuple[str, str | None]]] = {
    "not_enough": ("INSUFFICIENT_CREDITS", None),
    "below_minimum": ("INSUFFICIENT_CREDITS", "less than minimum_left would be left"),
    "version_mismatch": ("BALANCE_VERSION_MISMATCH", None),
    "frozen": ("AGENT_FROZEN", None),
    CAPPED: ("DAILY_JOB_CAP_REACHED", None),
    CONFLICT: ("IDEMPOTENCY_CONFLICT", None),
    "unknown_hold": ("HOLD_NOT_FOUND", None),
    "hold_closed": ("HOLD_CLOSED", None),
    "hold_expired": ("HOLD_EXPIRED", None),
    "exceeds_hold": ("HOLD_EXCEEDED", None),
    "unknown_spend": ("SPEND_NOT_FOUND", None),
    "exceeds_spend": ("SPEND_EXCEEDED", None),
}
_CHARGED: Final = (
    "the job ran out of time and its hold was charged in full; capture it with what the job took,"
    " which gives the rest back, or release it, which gives all of it back"
)
_json: Final = msgspec.json.Encoder(decimal_format="number")


def success(data: Fields, *, replayed: bool = False) -> Response:
    """The reply to a request that was done."""
    headers = {"cache-control": "no-store"}
    if replayed:
        headers["idempotent-replayed"] = "true"
    return Response(_json.encode({"ok": True, "data": data}), media_type="application/json", headers=headers)


def done(wish: Wish, key: str, hold_id: str | None, row: Row) -> Fields:
    """What was done. `hold_id` is the hold that was made, if one was."""
    _, _, transaction_id, version, posted, held, moved, details = row
    credits, released = spent(moved, details)
    data: dict[str, object] = {
        "operation": wish.__struct_config__.tag,
        "idempotency_key": key,
        "agent_id": wish.agent_id,
        "transaction_id": transaction_id,
        "credits": credits,
        "balance": balance(version, posted, held),
    }
    if isinstance(wish, Spending):
        data["job_id"] = wish.job_id
    if isinstance(wish, Hold):
        data["hold_id"], data["timeout_seconds"] = hold_id, wish.timeout_seconds
    elif isinstance(wish, OfHold):
        data["hold_id"] = wish.hold_id
        if released is not None:
            data["released"] = released
    return data


def spent(moved: int | None, details: Mapping[str, Any] | None) -> tuple[int | None, int | None]:
    """Credits that were spent and that were let go, the same whether the job ended in time or late.

    Of a hold that was charged when its time was over the book tells what it gave back.
    """
    told = details or {}
    if told.get("charged_at_expiry"):
        return told["captured"], moved
    return moved, told.get("released")


def balance(version: int, posted: int, held: int) -> Fields:
    """A balance in credits."""
    return {"version": version, "posted": posted, "held": held, "available": posted - held}


def lots(details: Mapping[str, Any] | None) -> Fields:
    """Which lots a dry run would burn, in burn order."""
    if not details or "lots" not in details:
        return {}
    burnt = zip(details["lots"], details["pins"], strict=True)
    return {"lots": [{"lot_id": lot_id, "credits": credits} for lot_id, credits in burnt]}


def as_row(outcome: Outcome) -> Row:
    """An outcome of the book as the writer gets it."""
    standing = outcome.standing
    return (
        outcome.code,
        outcome.replayed,
        outcome.transaction_id,
        standing and standing.version,
        standing and standing.posted.units,
        standing and standing.held.units,
        outcome.credits and outcome.credits.units,
        outcome.details,
    )


def is_done(row: Row) -> bool:
    """Whether the operation was carried out, now or before."""
    return bool(row[0] == DONE)


def refusal(request: Request, wish: Wish, row: Row, *, told_at: datetime, agent_exists: bool) -> Declined:
    """Why it was not done. `told_at` is when the key was first told."""
    outcome = row[0]
    if outcome == UNKNOWN_ACCOUNT:
        if not agent_exists:
            return Declined("AGENT_NOT_FOUND")
        # Nobody has given this agent credits yet, so it has no holds and no spends either.
        outcome = _without_account(wish)
    code, message = _CODES[outcome]
    if (row[7] or {}).get("state") == "charged":
        message = _CHARGED
    return Declined(code, message, _recovery(request, code, wish, row, told_at))


def _without_account(wish: Wish) -> str:
    match wish:
        case Unwind():
            return "unknown_spend"
        case OfHold():
            return "unknown_hold"
        case _:
            assert not isinstance(wish, Grant), "a grant opens the account"
            return "not_enough"


def _recovery(request: Request, code: str, wish: Wish, row: Row, told_at: datetime) -> Fields:
    _, _, _, version, posted, held, _, details = row
    match code:
        case "INSUFFICIENT_CREDITS" | "DAILY_JOB_CAP_REACHED":
            here, available = house(request), posted - held
            capped = code == "DAILY_JOB_CAP_REACHED"
            also: Sequence[recommendations.Reason] = (CAPPED,) if capped else ()
            return {
                "required_credits": wish.credits if isinstance(wish, Spending) else 0,
                "available_credits": available,
                "top_up": recommendations.top_up(here, Amount(available, CREDIT), also=also),
                **({"resets_at": iso(next_day(told_at))} if capped else {}),
            }
        case "BALANCE_VERSION_MISMATCH":
            return {"version": version}
        case "HOLD_EXCEEDED" | "SPEND_EXCEEDED" | "HOLD_CLOSED" | "HOLD_EXPIRED":
            named = {"left": "left_credits", "hold_credits": "hold_credits", "state": "hold_state"}
            told = {named[name]: value for name, value in (details or {}).items() if name in named}
            return told | ({"next": ["capture", "release"]} if told.get("hold_state") == "charged" else {})
        case _:
            return {}


def failure(request: Request, declined: Declined, *, replayed: bool = False) -> Response:
    """The reply to a request that was refused."""
    reply = http_errors.answer(request, declined.code, message=declined.message, recovery=declined.recovery)
    if replayed:
        reply.headers["idempotent-replayed"] = "true"
    return reply


def item_failure(request: Request, declined: Declined) -> Fields:
    """One operation of a batch that was refused."""
    error = http_errors.told(request, declined.code, message=declined.message, recovery=declined.recovery)
    return {"ok": False, "status": http_errors.STATUS[declined.code].http, "error": error}
