"""The application with one more endpoint, which does nothing: for uvicorn --factory."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.main import application as served


def application() -> FastAPI:
    """What production serves, and POST /noop behind the same layers."""
    app = served()
    app.router.routes.append(Route("/noop", _nothing, methods=["POST"]))
    return app


async def _nothing(request: Request) -> Response:
    await request.body()
    return Response(b'{"ok":true}', media_type="application/json")
