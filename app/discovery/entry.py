"""The way in: every address a stranger needs, and the steps from nothing to credits."""

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Match

from app.envelope import Fields
from app.house import House
from app.shapes import recommendations
from rails import catalog
from rails.rail import Rail

OPENAPI: Final = "/openapi.json"
LLMS: Final = "/llms.txt"
SKILL: Final = "/skill.md"
CATALOG: Final = "/.well-known/api-catalog"
SECURITY: Final = "/.well-known/security.txt"
ROBOTS: Final = "/robots.txt"
HEALTH: Final = "/healthz"
MCP: Final = "/mcp"
STATUS: Final = "/v1/credit-purchases/status"

# source: RFC 8631 names service-desc and service-doc, RFC 9727 api-catalog.
LINKS: Final[Mapping[str, str]] = {
    "link": ", ".join(
        (
            f'<{OPENAPI}>; rel="service-desc"; type="application/json"',
            f'<{LLMS}>; rel="service-doc"; type="text/plain"',
            f'<{CATALOG}>; rel="api-catalog"',
        )
    )
}


def entry(here: House, app: Starlette) -> Fields:
    """What the bare address answers."""
    return {
        "service": "Pennyrail",
        "summary": "Credits for AI agents. One credit costs exactly one US cent.",
        "base_url": here.settings.base_url,
        "documents": documents(here, app),
        "endpoints": endpoints(here),
        "steps": steps(here),
        "payment_methods": [rail.rail_id for rail in recommendations.by_preference(here)],
    }


def documents(here: House, app: Starlette) -> Fields:
    """Where to read on, as absolute addresses."""
    base = here.settings.base_url
    found = {
        "openapi": f"{base}{OPENAPI}",
        "llms": f"{base}{LLMS}",
        "skill": f"{base}{SKILL}",
        "api_catalog": f"{base}{CATALOG}",
        "docs": here.settings.documentation,
    }
    if serves_tools(app):
        found["mcp"] = f"{base}{MCP}"
    if here.settings.security_contact:
        found["security"] = f"{base}{SECURITY}"
    return found


def endpoints(here: House) -> Fields:
    """The paths of the contract, by what they are for. Where to buy is told by each payment method."""
    return {
        "health": HEALTH,
        "signup": "/v1/agent-signups",
        "whoami": "/v1/whoami",
        "quota": "/v1/quota",
        "payment_methods": "/v1/payment-methods",
        "credit_packs": "/v1/credit-packs",
        "quote": "/v1/credit-quotes",
        "buy": {rail.rail_id: purchase_path(rail) for rail in recommendations.by_preference(here)},
        "status": STATUS,
        "activity": "/v1/activity",
        "receipt": "/v1/receipts/{receipt_id}",
    }


def steps(here: House) -> list[Fields]:
    """The calls from nothing to credits, in order, each as a request and as a command."""
    found: list[Fields] = [
        _step("sign_up", "POST", "/v1/agent-signups", here.commands.signup()),
        _step("inspect_methods", "GET", "/v1/payment-methods", here.commands.methods()),
    ]
    rail = next(iter(recommendations.by_preference(here)), None)
    if rail is None:
        return found
    quote = here.commands.quote(rail_id=rail.rail_id, pack_id=catalog.DEFAULT_PACK_ID)
    return [
        *found,
        _step("quote", "POST", "/v1/credit-quotes", quote),
        _step("buy", "POST", purchase_path(rail), here.commands.buy(provider=rail.listing.provider)),
        _step("read_status_until_terminal", "GET", STATUS, here.commands.status_of_attempt()),
        _step("read_balance", "GET", "/v1/quota", here.commands.quota()),
    ]


def purchase_path(rail: Rail) -> str:
    """Where purchases on a rail are opened."""
    return f"/v1/credit-purchases/{rail.listing.purchase_path}"


def serves_tools(app: Starlette) -> bool:
    """Whether this application serves tools over MCP."""
    asked = {"type": "http", "method": "POST", "path": MCP, "root_path": "", "headers": []}
    return any(route.matches(asked)[0] == Match.FULL for route in app.routes)


def linkset(here: House, app: Starlette) -> Fields:
    """The catalogue of APIs. source: RFC 9727, appendix A"""
    base = here.settings.base_url
    described = {
        "anchor": f"{base}/",
        "service-desc": [{"href": f"{base}{OPENAPI}", "type": "application/json"}],
        "service-doc": [
            {"href": f"{base}{LLMS}", "type": "text/plain"},
            {"href": f"{base}{SKILL}", "type": "text/markdown"},
        ],
        "status": [{"href": f"{base}{HEALTH}", "type": "application/json"}],
    }
    tools = {"anchor": f"{base}{MCP}", "service-doc": [{"href": f"{base}{SKILL}", "type": "text/markdown"}]}
    return {"linkset": [described, tools] if serves_tools(app) else [described]}


def _step(name: str, method: str, path: str, command: str) -> Fields:
    return {"step": name, "method": method, "path": path, "command": command}
