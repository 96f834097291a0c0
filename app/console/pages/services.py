"""Who else speaks with the house: services that spend credits, and endpoints that are told what happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from app import service_tokens
from app.console.show import show
from app.console.visit import Reading
from app.models import ServiceToken
from outbound import endpoints
from outbound.models import Endpoint

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A token of a service without the token. When it was used last, nobody writes down."""

    token_id: str
    name: str
    scopes: Sequence[str]
    state: Literal["active", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """Who is told of what. What comes after a question mark in its address may be secret: it is left out."""

    endpoint_id: str
    url: str
    event_types: Sequence[str]
    state: Literal["enabled", "failing", "disabled"]
    created_at: datetime
    failing_since: datetime | None
    quiet_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


@router.get("/services")
def services(visit: Reading) -> Response:
    """Tokens of services and endpoints of webhooks, which the house's own commands make and revoke."""
    with visit.house.sessions() as session:
        tokens = [_token(row, visit.now) for row in service_tokens.listed(session)]
        told = [_endpoint(row) for row in endpoints.listed(session)]
    return show(visit, "services/list.html", tokens=tokens, endpoints=told)


def _token(row: ServiceToken, now: datetime) -> ServiceLine:
    return ServiceLine(
        token_id=row.id,
        name=row.name,
        scopes=row.scopes,
        state="revoked" if row.revoked_at else "active" if row.valid(now) else "expired",
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _endpoint(row: Endpoint) -> EndpointLine:
    parts = urlsplit(row.url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return EndpointLine(
        endpoint_id=row.endpoint_id,
        url=f"{parts.scheme}://{host}{port}{parts.path}",
        event_types=row.event_types,
        state="disabled" if row.disabled_at else "failing" if row.failing_since else "enabled",
        created_at=row.created_at,
        failing_since=row.failing_since,
        quiet_until=row.quiet_until,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )
