"""The application as `pennyrail api` serves it, its log written as in production: for uvicorn --factory."""

from fastapi import FastAPI

from app import logs
from app.main import application as served


def application() -> FastAPI:
    """What production serves, a line in the log for each request."""
    logs.configure()
    return served()
