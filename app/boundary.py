"""The boundary: what is refused before any door looks at it, neither echoed nor logged."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message
from typing_extensions import override

from app import credential_kinds, credentials, doors, errors, passing_headers
from app.house import house

_MOST_ENCODINGS: Final = 3


class GuardedRoute(APIRoute):
    """A door of the contract: short JSON bodies only, and nothing that looks like a credential."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the guard."""
        handle = super().get_route_handler()
        knocked = any(needed.call is doors.knock for needed in self.dependant.dependencies)

        async def guarded(request: Request) -> Response:
            refuse_head(request)
            body = await read(request, max_bytes=house(request).settings.body_max_bytes)
            if body:
                try:
                    _refuse_body(request, body)
                except errors.InvalidArguments:
                    # Whoever shows no token hears that first, as with a body that is JSON and does not fit.
                    if knocked:
                        await run_in_threadpool(doors.knock, request, house(request))
                    raise
            return await handle(Request(request.scope, _replay(body)))

        return guarded


def refuse_head(request: Request) -> None:
    """Refuse a request that shows a credential in its headers, its path or its query.

    raises: CredentialRejected
    """
    own = [("the path", _unquoted(request.scope["path"]))]
    passing: list[tuple[str, str]] = []
    for name, value in request.headers.items():
        if credentials.is_payment_header(name):
            raise _refused("a header", credential_kinds.of_name(name))
        if not passing_headers.is_opaque(name):
            place = "the header Idempotency-Key" if name == "idempotency-key" else "a header"
            (passing if passing_headers.numbers_something(name) else own).append((place, value))
    # One in a header of a tracer is refused too, unless it may be there by chance.
    _search(own, credentials.looks_like_one)
    _search(passing, credentials.is_unmistakable)
    if request.scope["query_string"]:
        for name, value in request.query_params.multi_items():
            found = credentials.found_in({_unquoted(name): _unquoted(value)})
            if found is not None:
                raise _refused("the query", found.kind)


def _search(placed: list[tuple[str, str]], looks_like_one: Callable[[str], bool]) -> None:
    whole = "\n".join(text for _, text in placed)
    # All at once: most requests hold none.
    if not looks_like_one(whole):
        return
    place, text = next((each for each in placed if looks_like_one(each[1])), ("the head", whole))
    raise _refused(place, credentials.kind_of(text))


def _refused(place: str, kind: credential_kinds.Kind) -> errors.CredentialRejected:
    return errors.CredentialRejected(credential_kinds.refusal(place, kind))


def _unquoted(text: str) -> str:
    """The text without percent-encoding, that of an encoded text included."""
    for _ in range(_MOST_ENCODINGS):
        if "%" not in text:
            break
        text = unquote(text)
    return text


async def read(request: Request, *, max_bytes: int) -> bytes:
    """The body as it was sent. No more of it is kept than the limit and one chunk.

    raises: BodyTooLarge
    """
    kept = bytearray()
    async for chunk in request.stream():
        kept += chunk
        if len(kept) > max_bytes:
            raise errors.BodyTooLarge("longer than the limit")
    return bytes(kept)


def _refuse_body(request: Request, body: bytes) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise errors.InvalidArguments("the body must be JSON, sent as application/json")
    try:
        value = json.loads(body.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        # Not `from error`: the parser's message quotes the body.
        raise errors.InvalidArguments("the body is not valid JSON") from None
    found = credentials.found_in(value)
    if found is not None:
        place = f"the field {found.field}" if found.field else "a field of the body"
        raise _refused(place, found.kind)


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Of two fields with one name a parser keeps the last, and the first would never be looked at.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _no_constant(_name: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")


def _replay(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
