"""A caller that leaves while it is asking is no fault of the service."""

import logging

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope

from app.access_log import AccessLog

ASKED: Scope = {
    "type": "http",
    "method": "POST",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [(b"content-length", b"10")],
    "http_version": "1.1",
    "scheme": "http",
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 2),
}


async def _reads(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def _told(heard: list[Message]) -> list[Message]:
    """What is answered to a caller that says this much."""
    sent: list[Message] = []

    async def receive() -> Message:
        return heard.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    routes = [Route("/", _reads, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(AccessLog)])
    anyio.run(app, dict(ASKED), receive, send)
    return sent


def test_who_leaves_while_asking_is_not_answered_and_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pennyrail.http")

    told = _told([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])

    assert told == []
    assert [each.levelname for each in caplog.records] == ["INFO", "INFO"]
    assert "given up" in caplog.messages[0]


def test_who_stays_is_answered() -> None:
    told = _told([{"type": "http.request", "body": b"everything", "more_body": False}])

    assert told[0]["status"] == 200
