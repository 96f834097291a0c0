"""Hang the console into the application, under /console, behind headers of its own."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.console import refusals, routes, vendor
from app.console.desk import Desk
from app.house import House

STATIC: Final = Path(__file__).parent / "static"
BODY_MOST: Final = 64 * 1024
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    # Forms say by it which page they came from; nobody outside is told.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def install(app: FastAPI, desk: Desk) -> None:
    """Serve the console. Without a key in the settings there is none."""
    if not desk.settings.open:
        return
    here = app.state.house
    assert isinstance(here, House)
    console = FastAPI(openapi_url=None, redirect_slashes=False)
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
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers["cache-control"] = "public, max-age=3600" if is_static else "no-store"
                if not is_static:
                    headers["vary"] = "Accept, Cookie, Authorization, HX-Request"
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
