"""GET /v1/credit-purchases/status: a purchase by any of its references, or the balance by none.

Made for polling: an entity tag answers 304, `wait` holds the reply until something changes, and who accepts
an event stream is told of every change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import boundary, doors, envelope, errors, lanes
from app.api.fields import ClosedRequest, Reference, described
from app.doors import Here
from app.house import House
from app.polling import stream
from app.polling.answers import Answer, Answers, etag
from app.polling.marks import Asked
from app.shapes import quota
from rails.status import ReferenceKind

router = APIRouter(route_class=boundary.GuardedRoute)

PATH: Final = "/v1/credit-purchases/status"
WAIT_MOST_SECONDS: Final = 20
_KINDS: tuple[ReferenceKind, ...] = ("quote_id", "payment_attempt_id", "checkout_session_id", "receipt_id")


class StatusQuery(ClosedRequest):
    """At most one reference, and how long the reply may wait for a change."""

    quote_id: Reference | None = None
    payment_attempt_id: Reference | None = None
    checkout_session_id: Reference | None = None
    receipt_id: Reference | None = None
    # A query is text.
    wait: Annotated[int, Field(ge=1, le=WAIT_MOST_SECONDS, strict=False)] | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    reference: tuple[ReferenceKind, str] | None
    wait_seconds: int | None


@router.get(PATH, openapi_extra=described(StatusQuery))
async def purchase_status(request: Request, here: Here) -> Response:
    """Where a purchase stands and who has to do what next."""
    try:
        question = _question(request)
    except (RequestValidationError, errors.InvalidArguments):
        # Whoever shows no token hears that first.
        await run_in_threadpool(doors.knock, request, here)
        raise
    if question.reference is None:
        return await run_in_threadpool(_balance, request, here)
    answers = _answers(request)
    asked, first = await _first(request, here, answers, question.reference)
    if "text/event-stream" in request.headers.get("accept", ""):
        if answers.full_for(first.agent.agent_id):
            raise errors.NotReady("too many are waiting")
        lanes.only_waits(request.scope)
        return stream.events(request, answers, asked, first)
    known = request.headers.get("if-none-match")
    full = answers.full_for(first.agent.agent_id)
    waits = question.wait_seconds if not (first.terminal or full) else None
    if waits and (known is None or _matches(known, first.etag)):
        lanes.only_waits(request.scope)
        first = await answers.changed(asked, since=first.etag, seconds=waits)
    return _told(request, first, known)


async def _first(
    request: Request, here: House, answers: Answers, reference: tuple[ReferenceKind, str]
) -> tuple[Asked, Answer]:
    """How the purchase stands for whoever showed this token, which is counted as one knock.

    raises: AuthRequired, RateLimited, QuoteNotFound, PurchaseNotFound, NotReady
    """
    token_hash = doors.shown(request)
    try:
        if token_hash is None:
            raise errors.AuthRequired("no valid token")
        asked = Asked(token_hash, *reference)
        agent_id, mark = await answers.mark(asked)
    except errors.AuthRequired:
        await here.limits.hit("stranger", doors.address(request, here))
        raise
    await here.limits.hit("status", agent_id)
    return asked, await answers.at(asked, agent_id, mark)


def _told(request: Request, answer: Answer, known: str | None) -> Response:
    headers = {"etag": answer.etag, "vary": "authorization, accept"}
    if answer.retry_after_seconds is not None:
        headers["retry-after"] = str(answer.retry_after_seconds)
    if known is not None and _matches(known, answer.etag):
        return envelope.unchanged(headers)
    return envelope.success(
        request, data=answer.data, agent=answer.agent, warnings=answer.warnings, headers=headers
    )


def _balance(request: Request, here: House) -> Response:
    known = doors.knock(request, here)
    shown = quota.quota(here, known)
    headers = {"etag": etag(shown), "vary": "authorization, accept"}
    given = request.headers.get("if-none-match")
    if given is not None and _matches(given, headers["etag"]):
        return envelope.unchanged(headers)
    return envelope.success(request, data=shown, agent=known.agent, headers=headers)


def _matches(given: str, tag: str) -> bool:
    """Whether an If-None-Match names the tag.

    source: RFC 9110, 13.1.2: compared weakly, `*` is any.
    """
    return given.strip() == "*" or tag in (each.strip() for each in given.split(","))


def _question(request: Request) -> _Question:
    """What is asked for.

    raises: RequestValidationError, InvalidArguments
    """
    # Counted in the query itself: of one name given twice only the last would be seen.
    names = [name for name, _ in request.query_params.multi_items()]
    references = [name for name in names if name != "wait"]
    if len(references) > 1 or len(names) > len(set(names)):
        kinds = tuple(kind for kind in _KINDS if kind in references)
        raise errors.InvalidArguments("give at most one reference", kinds)
    try:
        query = StatusQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from None
    found: Mapping[str, object] = query.model_dump(exclude_none=True)
    reference = next(((kind, str(found[kind])) for kind in _KINDS if kind in found), None)
    return _Question(reference, query.wait)


def _answers(request: Request) -> Answers:
    found = request.app.state.answers
    assert isinstance(found, Answers)
    return found
