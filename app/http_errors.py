"""How every failure is answered: one table of statuses, and for each code what to do next."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import envelope, errors, validation
from app.commands import FLAGS, label, purchase_key
from app.house import House, house
from app.shapes import quota, recommendations, spending
from app.shapes.quote import not_taken
from ledger.money import CREDIT, Amount
from rails import catalog
from rails import errors as rails_errors

RETRY_AFTER_SECONDS: Final = 5
_TOP_UP_AFTER: Final = (
    rails_errors.MethodUnavailable,
    rails_errors.PriceNotTaken,
    rails_errors.QuoteExpired,
    rails_errors.RailRefused,
)
_OF_SIGNUP: Final = (FLAGS["agent_contact"],)
CHALLENGE: Final = 'Bearer realm="agents"'


@dataclass(frozen=True, slots=True)
class Status:
    """How a code leaves the house, and what it says unless the failure has better words."""

    http: int
    exit_code: int
    retryable: bool
    message: str


STATUS: Final = {
    "INVALID_ARGUMENTS": Status(400, 2, False, "the request does not fit the contract"),
    "PAYMENT_CREDENTIAL_REJECTED": Status(
        400,
        2,
        False,
        "the request holds what looks like a payment credential; the message says where, what it looked like"
        " and what to do instead; it was not stored",
    ),
    "REQUEST_TOO_LARGE": Status(413, 2, False, "the request body is too large"),
    "REQUEST_HEAD_TOO_LARGE": Status(431, 2, False, "the headers of the request are too large"),
    "REQUEST_TIMEOUT": Status(408, 1, True, "the request did not arrive in time; nothing was done"),
    "WEBHOOK_REFUSED": Status(400, 2, False, "the webhook is not signed for this service"),
    "RATE_LIMITED": Status(429, 5, True, "too many requests; come back when the time in recovery is over"),
    "AUTH_REQUIRED": Status(401, 3, False, "a valid agent token is required"),
    "SCOPE_REQUIRED": Status(403, 4, False, "the token may not do this"),
    "AGENT_NOT_FOUND": Status(404, 1, False, "no agent has this id"),
    "INSUFFICIENT_CREDITS": Status(402, 5, False, "the agent has not enough credits"),
    "DAILY_JOB_CAP_REACHED": Status(
        429, 5, False, "no more jobs on free credits today; buy credits to go on"
    ),
    "AGENT_FROZEN": Status(
        403,
        4,
        False,
        "the agent may place no new hold or debit until its freeze is lifted; holds that stand are settled",
    ),
    "BALANCE_VERSION_MISMATCH": Status(409, 1, False, "the balance has changed since it was read"),
    "IDEMPOTENCY_CONFLICT": Status(409, 1, False, "this idempotency key already belongs to another request"),
    "HOLD_NOT_FOUND": Status(404, 1, False, "this agent has no hold of this id"),
    "HOLD_CLOSED": Status(409, 1, False, "the hold was captured or released before"),
    "HOLD_EXPIRED": Status(409, 1, False, "the hold ran out of time and was let go"),
    "HOLD_EXCEEDED": Status(409, 1, False, "the hold is smaller than this"),
    "SPEND_NOT_FOUND": Status(404, 1, False, "this agent has no spend under this key"),
    "SPEND_EXCEEDED": Status(409, 1, False, "less than this is left of the spend to take back"),
    "OUTCOME_NOT_FOUND": Status(
        404,
        1,
        False,
        "nothing was told under this key yet; only repeating the call with the same key is conclusive",
    ),
    "MODEL_NOT_FOUND": Status(404, 2, False, "the rate card does not know this model"),
    "CREDIT_PACK_NOT_FOUND": Status(404, 2, False, "no credit pack has this id"),
    "PAYMENT_AMOUNT_NOT_TAKEN": Status(
        400, 2, False, "the quote's payment method takes no payment of this amount; nothing was charged"
    ),
    "PAYMENT_METHOD_UNAVAILABLE": Status(400, 2, False, "no payment method of this name takes payments now"),
    "CREDIT_QUOTE_CONFLICT": Status(
        409, 1, False, "this idempotency key already belongs to a quote with other terms"
    ),
    "CREDIT_QUOTE_NOT_FOUND": Status(404, 1, False, "no quote of yours has this id"),
    "CREDIT_QUOTE_EXPIRED": Status(409, 1, False, "the quote has expired; nothing was charged"),
    "PAYMENT_METHOD_MISMATCH": Status(409, 1, False, "the quote is for another payment method"),
    "CREDIT_PURCHASE_CONFLICT": Status(
        409, 1, False, "this idempotency key already belongs to the purchase of another quote"
    ),
    "IDEMPOTENCY_IN_FLIGHT": Status(
        409, 1, True, "another request with this key is still opening the payment; repeat this one"
    ),
    "PURCHASE_LIMIT_EXCEEDED": Status(
        402, 5, False, "the price is more than this agent may still buy today; nothing was charged"
    ),
    "CREDIT_PURCHASE_NOT_FOUND": Status(404, 1, False, "no purchase of yours has this reference"),
    "PAYMENT_PROVIDER_FAILURE": Status(
        502, 7, True, "the payment provider did not answer; repeat with the same key, it never pays twice"
    ),
    "ACTIVITY_NOT_FOUND": Status(404, 1, False, "no event of yours has this reference"),
    "RECEIPT_NOT_FOUND": Status(404, 1, False, "no receipt of yours has this id"),
    "RECEIPT_NOT_SEALED_YET": Status(
        409, 1, True, "the receipt is not sealed yet; ask again in a few seconds"
    ),
    "RECEIPTS_UNAVAILABLE": Status(503, 7, False, "this service has no key to sign receipts with"),
    "NOT_FOUND": Status(404, 1, False, "nothing is served at this path"),
    "METHOD_NOT_ALLOWED": Status(405, 1, False, "this path does not take this HTTP method"),
    "SERVICE_UNAVAILABLE": Status(503, 7, True, "the service is not ready; try again shortly"),
    "INTERNAL_ERROR": Status(500, 7, False, "something broke on our side; the trace id tells us what"),
}


@dataclass(frozen=True, slots=True)
class QuoteAsked:
    """The terms an agent tried to get a quote for."""

    credits: int | None
    pack_id: str | None
    rail_id: str


@dataclass(frozen=True, slots=True)
class PurchaseAsked:
    """The purchase an agent tried to open."""

    quote_id: str
    rail_id: str
    idempotency_key: str


Asked = QuoteAsked | PurchaseAsked | None


def remember(request: Request, asked: QuoteAsked | PurchaseAsked) -> None:
    """Keep what was asked for, so that a refusal can suggest the same thing done right."""
    request.state.asked = asked


def install(app: FastAPI) -> None:
    """Answer every failure of this application with an envelope."""
    for kind in (errors.DoorError, rails_errors.RailsError):
        app.add_exception_handler(kind, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_routing)
    for unreachable in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(unreachable, _answer_not_ready)


def answer(
    request: Request,
    code: str,
    *,
    message: str | None = None,
    retryable: bool | None = None,
    recovery: envelope.Fields | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The reply for a code, with the words and recovery of this failure."""
    status = STATUS[code]
    return envelope.failure(
        request,
        http_status=status.http,
        exit_code=status.exit_code,
        error=told(request, code, message=message, retryable=retryable, recovery=recovery),
        headers={**_headers(status, recovery or {}), **(headers or {})},
    )


def _headers(status: Status, recovery: envelope.Fields) -> dict[str, str]:
    seconds = recovery.get("retry_after_seconds")
    challenge = {"www-authenticate": CHALLENGE} if status.http == HTTPStatus.UNAUTHORIZED else {}
    return {**challenge, **({"retry-after": str(seconds)} if seconds is not None else {})}


def told(
    request: Request,
    code: str,
    *,
    message: str | None = None,
    retryable: bool | None = None,
    recovery: envelope.Fields | None = None,
) -> envelope.Fields:
    """The `error` of a reply for a code."""
    status = STATUS[code]
    return {
        "code": code,
        "message": message or status.message,
        "retryable": status.retryable if retryable is None else retryable,
        "recovery": {**(recovery or {}), "docs_url": house(request).settings.documentation},
    }


def _answer_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, (errors.DoorError, rails_errors.RailsError))
    asked: Asked = getattr(request.state, "asked", None)
    recovery = {**_recovery(request, error, asked), **_top_up(request, error)}
    match error:
        case (
            errors.InvalidArguments(message=message)
            | errors.WebhookRefused(message=message)
            | errors.CredentialRejected(message=message)
        ):
            return answer(request, error.code, message=message, recovery=recovery)
        case errors.KeysDiffer():
            differ = (
                "the header Idempotency-Key and the field idempotency_key differ: give one, or both alike"
            )
            return answer(request, error.code, message=differ, recovery=recovery)
        case errors.RateLimited():
            return _limited(answer(request, error.code, recovery=recovery), error)
        case rails_errors.BadAmount():
            return answer(request, error.code, message=str(error), recovery=recovery)
        case rails_errors.PriceNotTaken(rail_id=rail_id):
            refused = f"{not_taken(house(request).rails[rail_id])}; nothing was charged"
            return answer(request, error.code, message=refused, recovery=recovery)
        case rails_errors.RailRefused(replayed=replayed):
            refused = "the payment provider refused this payment; ask for a new quote"
            reply = answer(request, error.code, message=refused, retryable=False, recovery=recovery)
            return envelope.tell(reply, replayed=replayed)
        case _:
            return answer(request, error.code, recovery=recovery)


def _limited(reply: Response, error: errors.RateLimited) -> Response:
    """The reply with the limit in numbers. source: draft-ietf-httpapi-ratelimit-headers-10"""
    reply.headers["ratelimit-policy"] = f'"{error.policy}";q={error.most};w={error.window_seconds}'
    reply.headers["ratelimit"] = f'"{error.policy}";r=0;t={error.retry_after_seconds}'
    return reply


def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    _remember_rail(request, error.body)
    return _answer_ours(request, validation.explain(error))


def _remember_rail(request: Request, body: object) -> None:
    """Keep the rail that a request named, although the rest of it does not fit."""
    named = body.get("payment_method") if isinstance(body, Mapping) else None
    if isinstance(named, str):
        remember(request, QuoteAsked(None, None, named))


def _answer_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "INVALID_ARGUMENTS")
    # A 405 says in a header which methods there are.
    return answer(request, code, headers=error.headers)


def _answer_not_ready(request: Request, _error: Exception) -> Response:
    return answer(request, "SERVICE_UNAVAILABLE", recovery={"retry_after_seconds": RETRY_AFTER_SECONDS})


def _recovery(request: Request, error: Exception, asked: Asked) -> envelope.Fields:
    here = house(request)
    commands = here.commands
    match error:
        case errors.WebhookRefused():
            return {}
        case errors.AuthRequired():
            return {"suggested_command": commands.signup(), "optional_flags": list(_OF_SIGNUP)}
        case errors.RateLimited(retry_after_seconds=seconds):
            return {"retry_after_seconds": seconds}
        case errors.KeysDiffer():
            return {"required_flag": FLAGS["idempotency_key"], "suggested_command": _usage(request, asked)}
        case errors.InvalidArguments(fields=fields):
            signs_up = label(envelope.path_template(request)) == "signup"
            optional = {"optional_flags": list(_OF_SIGNUP)} if signs_up else {}
            return _flags(fields) | optional | {"suggested_command": _usage(request, asked)}
        case rails_errors.PriceNotTaken(credits=credits, rail_id=rail_id):
            return _other_amount(here, credits, rail_id)
        case rails_errors.BadAmount() if not isinstance(asked, PurchaseAsked):
            return {"suggested_command": _usage(request, asked)}
        case rails_errors.PackNotFound():
            return {"suggested_command": commands.packs()}
        case rails_errors.BadRequest() | rails_errors.QuoteNotFound() | rails_errors.RailRefused():
            return {"suggested_command": commands.methods()}
        case errors.ReceiptNotSealedYet() | errors.NotReady():
            return {"retry_after_seconds": RETRY_AFTER_SECONDS}
        case rails_errors.PurchaseNotFound():
            # The history does not tell of deposits before they are paid; the balance does.
            found_by = [commands.quota(), commands.activity()]
            return {"suggested_command": found_by[0], "suggested_commands": found_by}
        case errors.ActivityNotFound() | errors.ReceiptNotFound():
            return {"suggested_command": commands.activity()}
        case rails_errors.QuoteExpired(credits=credits, pack_id=pack_id, rail_id=rail_id):
            return {"suggested_command": commands.quote(rail_id=rail_id, pack_id=pack_id, credits=credits)}
        case rails_errors.SpendLimitReached():
            return _limit_reached(here, error)
        case _:
            return _same_again(here, error, asked)


def _top_up(request: Request, error: Exception) -> envelope.Fields:
    """How else to come to credits, after a payment that nobody should simply try again."""
    agent_id: str | None = getattr(request.state, "agent_id", None)
    if agent_id is None or not isinstance(error, _TOP_UP_AFTER):
        return {}
    return {"top_up": quota.top_up(house(request), agent_id=agent_id)}


def _limit_reached(here: House, error: rails_errors.SpendLimitReached) -> envelope.Fields:
    """What is left of the day's limit, and the quote that fits into it, if any does."""
    left, rail = error.remaining_cents, here.rails.get(error.rail_id)
    fits = rail is not None and rail.limits.minimum.units <= left
    return {
        **spending.fields(
            limit_cents=error.limit_cents,
            used_cents=error.used_cents,
            remaining_cents=left,
            resets_at=error.resets_at,
        ),
        # As it is for this balance, but not now.
        "top_up": {**quota.top_up(here, agent_id=error.agent_id), "available": False, "recommended": False},
        "suggested_command": (
            here.commands.quote(rail_id=error.rail_id, credits=left) if fits else here.commands.quota()
        ),
    }


def _same_again(here: House, error: Exception, asked: Asked) -> envelope.Fields:
    """What was asked for, done so that it works."""
    match error, asked:
        case rails_errors.QuoteConflict(), QuoteAsked() as terms:
            fresh = f"quote-{secrets.token_hex(8)}"
            again = here.commands.quote(
                rail_id=terms.rail_id, pack_id=terms.pack_id, credits=terms.credits, key=fresh
            )
            return {"suggested_command": again, "idempotency_key": fresh}
        case rails_errors.PurchaseConflict(quote_id=quote_id, rail_id=rail_id), _:
            return _buy(here, quote_id, rail_id, purchase_key(quote_id))
        case rails_errors.MethodMismatch(quote_id=quote_id, rail_id=rail_id), PurchaseAsked() as bought:
            return _buy(here, quote_id, rail_id, bought.idempotency_key)
        case ((rails_errors.RailUnreachable() | rails_errors.InFlight()), PurchaseAsked() as bought):
            same = _buy(here, bought.quote_id, bought.rail_id, bought.idempotency_key)
            return {**same, "retry_after_seconds": RETRY_AFTER_SECONDS}
        case _:
            return {}


def _other_amount(here: House, credits: int, rail_id: str) -> envelope.Fields:
    """The same credits on a rail that takes them, and the nearest amount that this rail takes."""
    rail = here.rails[rail_id]
    commands = recommendations.instead(here, credits=Amount(credits, CREDIT), rail=rail)
    return {
        "suggested_command": commands[0],
        "suggested_commands": commands,
        "min_amount_cents": rail.limits.minimum.units,
        "max_amount_cents": rail.limits.maximum.units,
    }


def _buy(here: House, quote_id: str, rail_id: str, key: str) -> envelope.Fields:
    line = here.commands.buy(provider=here.provider_flag(rail_id), quote_id=quote_id, key=key)
    return {"suggested_command": line, "idempotency_key": key}


def _flags(fields: tuple[str, ...]) -> dict[str, object]:
    flags = [FLAGS[field] for field in fields if field in FLAGS]
    match flags:
        case []:
            return {}
        case [flag]:
            return {"required_flag": flag, "required_flags": flags}
        case _:
            return {"required_flags": flags}


def _usage(request: Request, asked: Asked) -> str:
    """The command of the door that refused, spelled out, on the rail that was asked for."""
    here = house(request)
    template = envelope.path_template(request)
    rail = here.rail_at(template or "")
    match label(template):
        case "signup":
            return here.commands.signup()
        case "claim request":
            return here.commands.claim()
        case "credits quote":
            rail_id = here.settings.default_rail
            if asked is not None and asked.rail_id in here.rails:
                rail_id = asked.rail_id
            return here.commands.quote(rail_id=rail_id, pack_id=catalog.DEFAULT_PACK_ID)
        case "credits buy" if rail is not None:
            return here.commands.buy(provider=rail.listing.provider)
        case "credits status":
            return here.commands.status_of_attempt()
        case "activity list" | "activity show":
            return here.commands.activity()
        case _:
            return here.commands.methods()
