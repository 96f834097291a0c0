"""The application as `pennyrail api` serves it, its log written as in production: for uvicorn --factory."""

from fastapi import FastAPI

from app.main import application as served
from rails import redaction


def application() -> FastAPI:
    """What production serves, a line in the log for each request."""
    redaction.configure()
    return served()
