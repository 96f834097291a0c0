"""The smallest FastAPI endpoint that keeps what it is sent: one row, one commit. For uvicorn --factory."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from fastapi import FastAPI, Request

# As many as the pool of the house has.
CONNECTIONS: Final = 20
INSERT: Final = "INSERT INTO limit_row (body) VALUES (%s)"


def application() -> FastAPI:
    """POST /row inserts its body, on a connection that is free. GET /healthz says that it is up."""
    idle: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()

    @asynccontextmanager
    async def alive(_app: FastAPI) -> AsyncIterator[None]:
        for _ in range(CONNECTIONS):
            url = os.environ["DATABASE_URL"]
            idle.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
        yield

    app = FastAPI(openapi_url=None, lifespan=alive)

    @app.post("/row")
    async def row(request: Request) -> dict[str, bool]:
        body = await request.body()
        connection = await idle.get()
        try:
            await connection.execute(INSERT, (body,), prepare=True)
        finally:
            idle.put_nowait(connection)
        return {"ok": True}

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    return app
