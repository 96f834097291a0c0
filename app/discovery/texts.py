"""The texts, filled with what is true of this installation: its address, its commands and its open rails."""

from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from string import Template
from typing import Final

from starlette.applications import Starlette

from app.discovery import entry
from app.house import House
from app.shapes import recommendations
from app.times import next_day
from rails import catalog
from rails.rail import Rail

# source: RFC 9116 asks for less than a year.
_SECURITY_LASTS: Final = timedelta(days=180)
_NOTHING: Final = "- None at the moment: nothing can be bought now."


def llms(here: House, app: Starlette) -> str:
    """The page for language models, at /llms.txt."""
    return _text("llms.txt").substitute(_words(here, app))


def skill(here: House, app: Starlette) -> str:
    """The page for agents that load skills, at /skill.md."""
    return _text("skill.md").substitute(_words(here, app))


def security(here: House, *, now: datetime) -> str:
    """Whom to tell of a weakness. source: RFC 9116"""
    expires = next_day(now) + _SECURITY_LASTS
    return (
        f"Contact: {here.settings.security_contact}\n"
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        "Preferred-Languages: en\n"
        f"Canonical: {here.settings.base_url}{entry.SECURITY}\n"
    )


def robots(here: House) -> str:
    """Everything may be read but the links of payments."""
    return f"User-agent: *\nDisallow: /pay/\n\n# {here.settings.base_url}{entry.LLMS}\n"


def _words(here: House, app: Starlette) -> dict[str, str]:
    commands = here.commands
    open_rails = recommendations.by_preference(here)
    first = open_rails[0] if open_rails else None
    rail_id = first.rail_id if first else "PAYMENT_METHOD"
    base = here.settings.base_url
    return {
        "base": base,
        "client": here.settings.client_command,
        "docs": here.settings.documentation,
        "signup": commands.signup(),
        "methods": commands.methods(),
        "packs": commands.packs(),
        "quote": commands.quote(rail_id=rail_id, pack_id=catalog.DEFAULT_PACK_ID),
        "buy": commands.buy(provider=first.listing.provider if first else "PROVIDER"),
        "status": commands.status_of_attempt(),
        "quota": commands.quota(),
        "activity": commands.activity(),
        "rail": rail_id,
        "pack": catalog.DEFAULT_PACK_ID,
        "least": str(catalog.MIN_CREDITS),
        "most": str(catalog.MAX_CREDITS),
        "buy_path": entry.purchase_path(first) if first else "(no payment method is open now)",
        "rails": "\n".join(map(_rail, open_rails)) or _NOTHING,
        "mcp": f"\n- [MCP]({base}{entry.MCP}): the same as tools, streamable HTTP" * entry.serves_tools(app),
    }


def _rail(rail: Rail) -> str:
    token, limits = rail.listing.token, rail.limits
    how = "a person pays on a page in a browser; hand over `checkout_handoff_url`"
    if token is not None:
        how = (
            f"you pay alone: one transfer of exactly `token_amount` {token.currency.upper()}"
            f" (contract `{token.contract}`) on {token.network}"
        )
    money = "real money" if rail.live_money else "test money only"
    return (
        f"- `{rail.rail_id}` ({money}, {limits.minimum.units} to {limits.maximum.units} cents): {how}."
        f" Buy at `POST {entry.purchase_path(rail)}`."
    )


@lru_cache
def _text(name: str) -> Template:
    return Template((files("app.discovery") / name).read_text(encoding="utf-8"))
