"""Keys that make a repeated request harmless: where they stand, and how long a repeat waits for the first."""

import threading
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from pydantic import TypeAdapter, ValidationError

from app import errors
from app.api.fields import Key
from rails.errors import InFlight
from rails.purchase import Bought

_FIELD: Final = ("idempotency_key",)
_KEY: Final[TypeAdapter[str]] = TypeAdapter(Key)
_MOST: Final = 255
_POLL_SECONDS: Final = 0.1
# Each waits in a thread that serves nobody else meanwhile: most of them must stay free for others.
_WAITING_ROOM: Final = threading.BoundedSemaphore(8)


def header_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="1 to 255 printable characters; may stand in the body as `idempotency_key` instead"
        ),
    ] = None,
) -> str | None:
    """The key of the header, bare or as a quoted string.

    raises: InvalidArguments
    """
    if idempotency_key is None:
        return None
    try:
        [given] = set(request.headers.getlist("idempotency-key"))
        if not given.isascii() or len(given) > _MOST:
            raise ValueError("not a key")
        if len(given) > 1 and given.startswith('"') and given.endswith('"'):
            given = given[1:-1]
        return _KEY.validate_python(given)
    except (ValueError, ValidationError):
        raise errors.InvalidArguments(
            "Idempotency-Key: one key of 1 to 255 printable characters", _FIELD
        ) from None


HeaderKey = Annotated[str | None, Depends(header_key)]


def one_of(header: str | None, body: str | None) -> str | None:
    """The key, wherever it was given; None if it was nowhere.

    raises: KeysDiffer if header and body do.
    """
    if header is not None and body is not None and header != body:
        raise errors.KeysDiffer("two keys for one request")
    return header if header is not None else body


def needed(key: str | None) -> str:
    """The key.

    raises: InvalidArguments if there is none.
    """
    if key is None:
        raise errors.InvalidArguments("idempotency_key: field required", _FIELD)
    return key


def bought(buy: Callable[[], Bought], *, wait_seconds: float) -> Bought:
    """What `buy` answers once no other call is at it; nothing is locked while it waits.

    raises: InFlight if the other takes longer than `wait_seconds`, and whatever `buy` raises.
    """
    give_up_at = time.monotonic() + wait_seconds
    try:
        return buy()
    except InFlight:
        if not _WAITING_ROOM.acquire(blocking=False):
            raise
    try:
        while True:
            time.sleep(_POLL_SECONDS)
            try:
                return buy()
            except InFlight:
                if time.monotonic() >= give_up_at:
                    raise
    finally:
        _WAITING_ROOM.release()
