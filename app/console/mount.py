"""Hang the console into the application, under /console, behind headers of its own."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import access_log
from app.console import headers, refusals, routes, vendor
from app.console.desk import Desk
from app.house import House

STATIC: Final = Path(__file__).parent / "static"
BODY_MOST: Final = 64 * 1024


def install(app: FastAPI, desk: Desk) -> None:
    """Serve the console. Without a key in the settings there is none."""
    if not desk.settings.open:
        return
    here = app.state.house
    assert isinstance(here, House)
    console = FastAPI(openapi_url=None, redirect_slashes=False, telemetry=access_log.TOLD_HERE)
    console.state.house, console.state.desk = here, desk
    console.add_middleware(_Guard)
    refusals.install(console)
    vendor.bring()
    console.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in routes.ROUTERS:
        console.include_router(router)
    app.mount("/console", console)

    @app.get("/console", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/console/", 307)


class _Guard:
    """Headers of every answer, nothing kept by caches, and no body that no form of ours could send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if int(Headers(scope=scope).get("content-length", "0")) > BODY_MOST:
            await refusals.too_large()(scope, receive, send)
            return
        is_static = scope["path"].startswith("/console/static/")
        got = 0

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                dress = headers.of_asset if is_static else headers.of_page
                dress(MutableHeaders(scope=message))
            await send(message)

        async def measured() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > BODY_MOST:
                raise refusals.TooLarge
            return message

        try:
            await self._app(scope, measured, guarded)
        except refusals.TooLarge:
            await refusals.too_large()(scope, receive, guarded)
