"""Every change of a purchase as an event of a stream (SSE), until nothing is left to wait for."""

import json
from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app import envelope
from app.errors import AuthRequired, NotReady
from app.polling.answers import Answer, Answers
from app.polling.marks import Asked
from rails.errors import NotFound

# A stream ends by itself: the client comes back with the last id, perhaps to another process.
STREAM_SECONDS: Final = 300
# Shorter than any proxy keeps a silent connection.
QUIET_SECONDS: Final = 15
_RETRY_MS: Final = 2000


def events(request: Request, answers: Answers, asked: Asked, first: Answer) -> Response:
    """The stream. Who has seen the last word already is told that there will be no other."""
    seen = request.headers.get("last-event-id")
    if first.terminal and seen == first.etag:
        # An EventSource stops asking when it is answered so.
        return Response(status_code=204, headers=_HEADERS)
    return StreamingResponse(
        _events(request, answers, asked, first, seen), media_type="text/event-stream", headers=_HEADERS
    )


_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no", envelope.EXIT_CODE_HEADER: "0"}


async def _events(
    request: Request, answers: Answers, asked: Asked, first: Answer, seen: str | None
) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MS}\n\n"
    give_up_at, answer = anyio.current_time() + STREAM_SECONDS, first
    while anyio.current_time() < give_up_at and not answers.leaving:
        yield _event(request, answer) if answer.etag != seen else ": still so\n\n"
        if answer.terminal:
            return
        seen = answer.etag
        try:
            answer = await answers.changed(asked, since=seen, seconds=QUIET_SECONDS)
        except (AuthRequired, NotFound, NotReady):
            # The token was revoked meanwhile, or the database is away. The next request is told so.
            return


def _event(request: Request, answer: Answer) -> str:
    told = envelope.told(request, data=answer.data, agent=answer.agent, warnings=answer.warnings)
    return f"id: {answer.etag}\nevent: status\ndata: {json.dumps(told)}\n\n"
