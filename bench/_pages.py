"""Every page of the console, each with ids that are in the database: found by walking its routers."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import psycopg
from fastapi.routing import APIRoute

from app.console import routes

# Pages of who is not signed in, what another opens, and what is no page.
_NOT_PAGES: Final = ("/sign-in", "/enrol", "/sso/", "/step-up", "/file", ".pdf")
_PARTS: Final = ("/search/suggestions", "/reconciliation/progress")
# A later one may ask for what an earlier one found. The agent is the one that bought most.
_IDS: Final = {
    "agent_id": (
        "SELECT receipt.agent_id FROM receipt JOIN payment_attempt USING (payment_attempt_id)"
        " WHERE deposit_address IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    ),
    "payment_attempt_id": (
        "SELECT payment_attempt_id FROM payment_attempt WHERE agent_id = %(agent_id)s AND state = 'succeeded'"
        " AND deposit_address IS NOT NULL ORDER BY created_at DESC LIMIT 1"
    ),
    "quote_id": "SELECT quote_id FROM receipt WHERE payment_attempt_id = %(payment_attempt_id)s",
    "receipt_id": "SELECT receipt_id FROM receipt WHERE payment_attempt_id = %(payment_attempt_id)s",
    "transaction_hash": (
        "SELECT detail ->> 'transaction_hash' FROM evidence"
        " WHERE source = 'chain' AND payment_attempt_id = %(payment_attempt_id)s"
    ),
    "payment_intent": (
        "SELECT reference FROM payment_attempt WHERE payment_attempt_id = %(payment_attempt_id)s"
    ),
    "wallet": "SELECT sender FROM deposit ORDER BY block_number DESC LIMIT 1",
    "lot_id": (
        "SELECT max(lot.id) FROM lot JOIN account ON account.id = lot.account_id"
        " WHERE account.name = 'agent:' || %(agent_id)s"
    ),
    "event_id": "SELECT event_id FROM webhook_delivery ORDER BY created_at DESC LIMIT 1",
    "exception_id": (
        "SELECT exception_id FROM payment_exception WHERE closed_at IS NULL ORDER BY opened_at LIMIT 1"
    ),
    "notice_id": "SELECT max(notice_id) FROM notice",
    "operator_id": "SELECT min(operator_id) FROM operator",
    "month": "SELECT to_char(max(created_at) - interval '1 month', 'YYYY-MM') FROM quote",
    "item_id": "SELECT max(item_id) FROM reconciliation_item",
    "day": (
        "SELECT min(day)"
        " FROM (SELECT DISTINCT day FROM reconciliation_item ORDER BY day DESC LIMIT 10) AS the_last"
    ),
    "transaction_id": (
        "SELECT ledger_transaction_id FROM receipt WHERE payment_attempt_id = %(payment_attempt_id)s"
    ),
    "hold_id": "SELECT max(id) FROM hold",
    "proposal_id": "SELECT max(proposal_id) FROM proposal",
}
NOTHING: Final = "none"
"""What stands for an id that this database has none of."""
# What is asked for most, besides each page as it opens.
_ASKED: Final = {
    "/search": (
        *("q={payment_attempt_id}", "q={quote_id}", "q={receipt_id}", "q={transaction_hash}"),
        *("q={payment_intent}", "q={wallet}", "q={agent_id}", "q=agent+1", "q=job-1000100"),
    ),
    "/search/suggestions": ("q=agt_", "q={payment_attempt_id}"),
    "/purchases": ("state=needs_review", "state=succeeded", "agent={agent_id}", "rail=stripe_checkout"),
    "/exceptions": ("state=closed", "state=all", "kind=underpaid", "agent={agent_id}"),
    "/inbox": ("state=waiting", "state=handled"),
    "/deliveries": ("state=failed", "state=delivered"),
    "/audit": ("who=operator%3Afinance%40example.com", "action=refund.create", "outcome=refused"),
    "/agents": ("q=agent+1", "by=contact&q=owner", "frozen=true"),
    "/reconciliation/{day}": ("state=matched",),
    "/": ("days=90",),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console: as its router names it, and where it is in this database."""

    name: str
    path: str

    @property
    def whole(self) -> bool:
        """Whether it is more than a part that scripts put into a page that is open."""
        return self.name.partition("?")[0] not in _PARTS


class NoSample(LookupError):
    """A page has a parameter that nothing here can fill: name a query for it above."""


def pages(connection: psycopg.Connection) -> list[Page]:
    """Every page, and what is asked of it most.

    raises: NoSample
    """
    ids = _ids(connection)
    named = [
        f"{template}{query}"
        for template in templates()
        for query in ("", *(f"?{asked}" for asked in _ASKED.get(template, ())))
    ]
    return [Page(name, "/console" + _filled(name, ids)) for name in named]


def templates() -> list[str]:
    """The path of every page, as the routers name them."""
    return sorted(
        route.path
        for router in routes.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and not any(each in route.path for each in _NOT_PAGES)
    )


def _ids(connection: psycopg.Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, query in _IDS.items():
        row = connection.execute(query.encode(), found).fetchone()
        found[name] = NOTHING if row is None or row[0] is None else str(row[0])
    rail = connection.execute("SELECT max(rail_id) FROM quote").fetchone()
    found["rail_id"] = str(rail[0]) if rail else NOTHING
    return found


def _filled(template: str, ids: dict[str, str]) -> str:
    try:
        return template.format_map({name: quote(each) for name, each in ids.items()})
    except KeyError as error:
        raise NoSample(f"{template}: nothing is known for {error}") from None
