"""What a service may send: each field of exactly its type, and no field that is not here."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeVar
from uuid import uuid4

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request

from app import boundary
from app.internal.callers import Caller
from app.internal.errors import Declined, invalid
from ledger import operations
from ledger.money import CREDIT, Amount
from ledger.operations import LARGEST, Operation

# \Z, because $ would let a newline through at the end.
AgentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,200}\Z")]
HoldId = Annotated[str, Meta(pattern=r"^hold_[0-9a-f]{24}\Z")]
Key = Annotated[str, Meta(pattern=r"^[!-~]{1,200}\Z")]
JobId = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,255}\Z")]
Credits = Annotated[int, Meta(ge=1, le=LARGEST)]
Moment = Annotated[datetime, Meta(tz=True)]
MOST_IN_A_BATCH: Final = 100


class Asked(Struct, forbid_unknown_fields=True, kw_only=True):
    """What every operation is asked with. The key may come in the header `Idempotency-Key` instead."""

    agent_id: AgentId
    idempotency_key: Key | None = None


class Spending(Asked, kw_only=True):
    """What a hold and a debit have in common."""

    credits: Credits
    job_id: JobId
    expect_version: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    minimum_left: Annotated[int, Meta(ge=0, le=LARGEST)] | None = None


class Hold(Spending, kw_only=True, tag_field="operation", tag="hold"):
    """Set credits aside."""

    timeout_seconds: Annotated[int, Meta(ge=1, le=86_400)]
    in_flight: bool = False


class Debit(Spending, kw_only=True, tag_field="operation", tag="debit"):
    """Spend in one step."""


class OfHold(Asked, kw_only=True):
    """Something done to a hold; alone, it is named by the path."""

    hold_id: HoldId | None = None


class Start(OfHold, kw_only=True, tag_field="operation", tag="start"):
    """The job of a hold is on its way to its provider."""

    expires_at: Moment | None = None


class Capture(OfHold, kw_only=True, tag_field="operation", tag="capture"):
    """Spend a hold, all of it or `credits`."""

    credits: Credits | None = None


class Release(OfHold, kw_only=True, tag_field="operation", tag="release"):
    """Let a hold go."""


class Grant(Asked, kw_only=True, tag_field="operation", tag="grant"):
    """Give promotional credits."""

    credits: Credits
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0
    effective_at: Moment | None = None
    expires_at: Moment | None = None


class Unwind(Asked, kw_only=True, tag_field="operation", tag="unwind"):
    """Take back the debit or capture that this service made under the key `spend_key`."""

    spend_key: Key
    credits: Credits | None = None


Wish = Hold | Debit | Start | Capture | Release | Grant | Unwind


class Batch(Struct, forbid_unknown_fields=True, kw_only=True):
    """Operations of any kinds, each under its own key, in one commit."""

    operations: Annotated[list[Wish], Meta(min_length=1, max_length=MOST_IN_A_BATCH)]


class Introspection(Struct, forbid_unknown_fields=True, kw_only=True):
    """An agent's bearer token."""

    token: Annotated[str, Meta(min_length=1, max_length=500)]


class Pricing(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a job needs: a model of the rate card, or what its provider charges."""

    model: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    provider_cost_usd: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?\Z")] | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


SCOPES: Final[dict[type[Wish], str]] = {
    Hold: "holds:write",
    Start: "holds:write",
    Capture: "holds:write",
    Release: "holds:write",
    Debit: "debits:write",
    Unwind: "debits:write",
    Grant: "grants:write",
}

Read = TypeVar("Read")
_KEY: Final = re.compile(r"[!-~]{1,200}")
_HOLD_ID: Final = re.compile(r"hold_[0-9a-f]{24}")
_FIELD: Final = re.compile(r"`\$((?:\.\w+|\[\d+\]|\[\.\.\.\])+)`")
_MISSING: Final = re.compile(r"required field `(\w+)`")
_NAMES: Final = frozenset(
    name
    for kind in (*SCOPES, Batch, Introspection, Pricing)
    for name in (*kind.__struct_fields__, "operation")
)


async def body(request: Request, *, max_bytes: int) -> bytes:
    """The JSON of the request.

    raises: Declined, BodyTooLarge
    """
    sent_as = request.headers.get("content-type", "")
    if sent_as != "application/json" and sent_as.partition(";")[0].strip().lower() != "application/json":
        raise invalid("the body must be JSON, sent as application/json")
    return await boundary.read(request, max_bytes=max_bytes)


def decoded(decode: Callable[[bytes], Read], given: bytes) -> Read:
    """What was sent, of exactly its types.

    raises: Declined
    """
    try:
        return decode(given)
    except msgspec.MsgspecError as error:
        raise explain(error) from None
    except (UnicodeDecodeError, RecursionError):
        raise invalid("the body is not valid JSON") from None


def name_hold(wish: Wish, hold_id: str | None) -> None:
    """Put the hold of the path into the wish.

    raises: Declined
    """
    if hold_id is None or not isinstance(wish, OfHold):
        return
    if not _HOLD_ID.fullmatch(hold_id) or wish.hold_id not in (None, hold_id):
        raise invalid("hold_id: not the id of a hold, or not the one of the path", "hold_id")
    wish.hold_id = hold_id


def key(wish: Wish, request: Request, *, needed: bool) -> str:
    """The idempotency key, of the header or of the body; a new one if none is given and none is needed.

    raises: Declined
    """
    header = request.headers.get("idempotency-key")
    found = wish.idempotency_key or header
    if found is None and not needed:
        return uuid4().hex
    if found is None:
        raise invalid(
            "idempotency_key: field required, here or as the header Idempotency-Key", "idempotency_key"
        )
    if not _KEY.fullmatch(found) or (header is not None and header != found):
        raise invalid(
            "idempotency_key: 1 to 200 visible ASCII characters, the same in header and body",
            "idempotency_key",
        )
    return found


def dry_run(request: Request) -> bool:
    """Whether the reply is wanted and the doing is not.

    raises: Declined
    """
    given = request.query_params.multi_items() if request.scope["query_string"] else []
    if any(pair not in (("dry_run", "true"), ("dry_run", "false")) for pair in given) or len(given) > 1:
        raise invalid("dry_run: true or false, and nothing else in the query", "dry_run")
    return given == [("dry_run", "true")]


def explain(error: msgspec.MsgspecError) -> Declined:
    """The refusal for what does not fit, naming only fields that we know."""
    said = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return invalid("the body is not valid JSON")
    missing = _MISSING.search(said)
    place = _FIELD.search(said)
    field = missing[1] if missing else place[1].rpartition(".")[2] if place else None
    where = f"{place[1].lstrip('.')}: " if place and not missing else ""
    if "unknown field" in said:
        return invalid("the request holds a field that is not part of the contract")
    if field is None or field.partition("[")[0] not in _NAMES:
        return invalid("the body must be a JSON object with the fields of the contract")
    if missing:
        return invalid(f"{missing[1]}: field required", field)
    return invalid(f"{where}{_rule(said)}", field)


def _rule(said: str) -> str:
    # What msgspec says is made of the rule and the kind that came, never of the value; but for tags.
    rule = said.partition(" - at ")[0].replace("`", "")
    return "no such operation" if rule.startswith("Invalid value") else rule[:1].lower() + rule[1:]


def operation(wish: Wish, caller: Caller, *, key: str, daily_job_limit: int, now: datetime) -> Operation:
    """The wish as the book takes it. A wish about a hold names it."""
    agent_id, actor, key = wish.agent_id, caller.actor, caller.key(key)
    match wish:
        case Hold():
            return _hold(wish, actor, key, daily_job_limit, now)
        case Debit():
            return operations.Debit(
                key=key,
                agent_id=agent_id,
                actor=actor,
                credits=Amount(wish.credits, CREDIT),
                job=wish.job_id,
                expect_version=wish.expect_version,
                minimum_left=_amount(wish.minimum_left),
                daily_job_limit=daily_job_limit,
            )
        case Unwind():
            spend, part = caller.key(wish.spend_key), _amount(wish.credits)
            return operations.Unwind(key=key, agent_id=agent_id, actor=actor, spend=spend, credits=part)
        case Grant():
            return _grant(wish, actor, key)
        case _:
            return _of_hold(wish, actor, key)


def _hold(wish: Hold, actor: str, key: str, daily_job_limit: int, now: datetime) -> operations.Hold:
    return operations.Hold(
        key=key,
        agent_id=wish.agent_id,
        actor=actor,
        credits=Amount(wish.credits, CREDIT),
        job=wish.job_id,
        expect_version=wish.expect_version,
        minimum_left=_amount(wish.minimum_left),
        daily_job_limit=daily_job_limit,
        expires_at=now + timedelta(seconds=wish.timeout_seconds),
        timeout_seconds=wish.timeout_seconds,
        in_flight=wish.in_flight,
    )


def _grant(wish: Grant, actor: str, key: str) -> operations.Grant:
    return operations.Grant(
        key=key,
        agent_id=wish.agent_id,
        actor=actor,
        credits=Amount(wish.credits, CREDIT),
        promotional=True,
        priority=wish.priority,
        effective_at=wish.effective_at,
        expires_at=wish.expires_at,
    )


def _of_hold(wish: Start | Capture | Release, actor: str, key: str) -> Operation:
    hold_id, agent_id = wish.hold_id, wish.agent_id
    if hold_id is None:
        raise invalid("hold_id: field required", "hold_id")
    match wish:
        case Start(expires_at=until):
            return operations.Start(
                key=key, agent_id=agent_id, actor=actor, hold_id=hold_id, expires_at=until
            )
        case Capture(credits=part):
            return operations.Capture(
                key=key, agent_id=agent_id, actor=actor, hold_id=hold_id, credits=_amount(part)
            )
        case Release():
            return operations.Release(key=key, agent_id=agent_id, actor=actor, hold_id=hold_id)


def _amount(units: int | None) -> Amount | None:
    return None if units is None else Amount(units, CREDIT)
