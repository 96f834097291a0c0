"""The smallest FastAPI application, served as `pennyrail api` is: python -m bench._noop PORT."""

import sys

from fastapi import FastAPI

from app import serving
from app.draining import Draining
from workers.settings import DrainSettings


def application(_draining: Draining) -> FastAPI:
    """POST /noop and GET /healthz, which do nothing."""
    app = FastAPI(openapi_url=None)

    @app.post("/noop")
    async def noop() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    return app


if __name__ == "__main__":
    serving.serve(application, DrainSettings(), host="127.0.0.1", port=int(sys.argv[1]))
