"""What people of the house read of agents: who they are, and the lists that are theirs, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlmodel import Session, text

from ledger import balances
from ledger.balances import Standing
from ledger.errors import UnknownAccount
from ledger.money import CREDIT, Amount
from office.errors import AgentNotFound

By = Literal["name", "contact"]
_LAST_LETTER: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent in a list, with what was booked last for it."""

    agent_id: str
    agent_name: str
    contact: str | None
    runtime: str
    created_at: datetime
    posted: Amount
    held: Amount
    frozen: bool

    @property
    def available(self) -> Amount:
        """What can be spent."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Agents of a list. `next` is the agent after which the next page begins."""

    agents: tuple[AgentLine, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an agent is. `identity` is None if it never signed up: a service gave it credits."""

    agent_id: str
    identity: "Identity | None"
    standing: Standing

    @property
    def title(self) -> str:
        """By what people know it."""
        return self.identity.agent_name if self.identity is not None else self.agent_id


@dataclass(frozen=True, slots=True)
class Identity:
    """What an agent said of itself when it signed up."""

    organization_id: str
    agent_name: str
    contact: str | None
    runtime: str
    discovery_source: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase of an agent. `receipt_id` once its credits were granted."""

    payment_attempt_id: str
    quote_id: str
    rail_id: str
    state: str
    reason: str | None
    credits: int
    price_cents: int
    created_at: datetime
    receipt_id: str | None
    granted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """When a token was made and revoked. The token and its hash are nobody's to read."""

    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """An inbox that the agent named. Only the newest counts, and it proves nothing."""

    number: int
    contact: str
    requested_at: datetime


# The balances are found one by one: a plan made for many agents would read the balances of all.
_LINES: Final = """
    SELECT
        page.agent_id, page.agent_name, page.contact, page.runtime, page.created_at,
        coalesce(standing.posted, 0) AS posted, coalesce(standing.held, 0) AS held,
        coalesce(standing.frozen, false) AS frozen
    FROM ({page}) AS page
    LEFT JOIN LATERAL (
        SELECT balance.posted, balance.held, balance.frozen
        FROM account
        JOIN balance ON balance.account_id = account.id AND balance.shard = 0
        WHERE account.name = 'agent:' || page.agent_id
        LIMIT 1
    ) AS standing ON true
    ORDER BY page.place
"""
_NEWEST: Final = """
    SELECT agent.*, row_number() OVER (ORDER BY created_at DESC, agent_id DESC) AS place
    FROM agent
    WHERE {after}
    ORDER BY created_at DESC, agent_id DESC
    LIMIT :most
"""
_AFTER_NEWEST: Final = """(created_at, agent_id) < (
    (SELECT last.created_at FROM agent AS last WHERE last.agent_id = :after), :after
)"""
_BEGINNING: Final = """
    SELECT agent.*, row_number() OVER (ORDER BY {word}, agent_id) AS place
    FROM agent
    WHERE {beginning} AND {after}
    ORDER BY {word}, agent_id
    LIMIT :most
"""
_AFTER_WORD: Final = (
    "({word}, agent_id) > ((SELECT {word} FROM agent AS agent WHERE agent.agent_id = :after), :after)"
)
_BEGINS: Final = "{word} >= lower(:beginning) AND {word} < lower(:beginning) || :last_letter"
_WORDS: Final = {"name": 'lower(agent.agent_name) COLLATE "C"', "contact": 'agent.contact COLLATE "C"'}
_FROZEN: Final = """
    SELECT agent.*, row_number() OVER (ORDER BY balance.account_id DESC) AS place
    FROM balance
    JOIN account ON account.id = balance.account_id
    JOIN agent ON agent.agent_id = substr(account.name, 7)
    WHERE balance.frozen AND {beginning} AND {after}
    ORDER BY balance.account_id DESC
    LIMIT :most
"""
_AFTER_FROZEN: Final = (
    "balance.account_id < (SELECT last.id FROM account AS last WHERE last.name = 'agent:' || :after)"
)
_IDENTITY: Final = text(
    """
    SELECT organization_id, agent_name, contact, runtime, discovery_source, created_at
    FROM agent
    WHERE agent_id = :agent_id
    """
)
# A range of one agent, in the whole order of the index: for an equal agent the planner might walk back over
# the purchases of everybody instead, however long ago this one bought.
_PURCHASES: Final = """
    SELECT
        attempt.payment_attempt_id, attempt.quote_id, attempt.rail_id, attempt.state, attempt.reason,
        quote.credits, quote.price_cents, attempt.created_at, receipt.receipt_id,
        receipt.created_at AS granted_at
    FROM payment_attempt AS attempt
    JOIN quote ON quote.quote_id = attempt.quote_id
    LEFT JOIN receipt ON receipt.payment_attempt_id = attempt.payment_attempt_id
    WHERE attempt.agent_id BETWEEN :agent_id AND :agent_id AND {after}
    ORDER BY attempt.agent_id DESC, attempt.created_at DESC, attempt.payment_attempt_id DESC
    LIMIT :most
"""
_AFTER_PURCHASE: Final = """(attempt.agent_id, attempt.created_at, attempt.payment_attempt_id) < (
    :agent_id, (SELECT last.created_at FROM payment_attempt AS last WHERE last.payment_attempt_id = :after),
    :after
)"""
_TOKENS: Final = text(
    """
    SELECT created_at, revoked_at
    FROM agent_token
    WHERE agent_id = :agent_id
    ORDER BY created_at DESC
    LIMIT :most
    """
)
_CLAIMS: Final = text(
    """
    SELECT number, contact, requested_at
    FROM agent_claim
    WHERE agent_id = :agent_id
    ORDER BY number DESC
    LIMIT :most
    """
)


def newest(session: Session, *, most: int, after: str | None = None) -> AgentPage:
    """All agents, the newest first; after the agent `after` if given."""
    return _page(session, _NEWEST.format(after=_AFTER_NEWEST if after else "true"), most=most, after=after)


def beginning(session: Session, *, by: By, beginning: str, most: int, after: str | None = None) -> AgentPage:
    """Agents whose name or contact begins so, in its order; capitals are small letters."""
    word = _WORDS[by]
    page = _BEGINNING.format(
        word=word,
        beginning=_BEGINS.format(word=word),
        after=_AFTER_WORD.format(word=word) if after else "true",
    )
    return _page(session, page, most=most, after=after, beginning=beginning, last_letter=_LAST_LETTER)


def frozen(
    session: Session, *, most: int, after: str | None = None, by: By = "name", beginning: str = ""
) -> AgentPage:
    """Agents that may not spend, those that were given credits last at the beginning.

    With a `beginning` it goes through all that may not spend, who are few.
    """
    begins = _BEGINS.format(word=_WORDS[by]) if beginning else "true"
    page = _FROZEN.format(beginning=begins, after=_AFTER_FROZEN if after else "true")
    given = {"beginning": beginning, "last_letter": _LAST_LETTER} if beginning else {}
    return _page(session, page, most=most, after=after, **given)


def profile(session: Session, *, agent_id: str) -> Profile:
    """Who the agent is, and what was booked last for it.

    raises: AgentNotFound
    """
    row = session.connection().execute(_IDENTITY, {"agent_id": agent_id}).one_or_none()
    try:
        standing = balances.standing(session, agent_id=agent_id)
    except UnknownAccount:
        standing = None
    if row is None and standing is None:
        raise AgentNotFound("no agent has this id")
    nothing = Amount(0, CREDIT)
    identity = Identity(**row._mapping) if row is not None else None
    return Profile(agent_id, identity, standing or Standing(0, nothing, nothing, None, frozen=False))


def purchases(
    session: Session, *, agent_id: str, most: int, after: str | None = None
) -> tuple[Sequence[Purchase], str | None]:
    """The agent's purchases, the newest first, and the one after which the next page begins."""
    query = text(_PURCHASES.format(after=_AFTER_PURCHASE if after else "true"))
    given = {"agent_id": agent_id, "most": most + 1, **({"after": after} if after else {})}
    found = [Purchase(**row._mapping) for row in session.connection().execute(query, given)]
    return found[:most], found[most - 1].payment_attempt_id if len(found) > most else None


def issued(session: Session, *, agent_id: str, most: int) -> Sequence[Token]:
    """The agent's tokens that were made last, revoked ones too, the newest first."""
    rows = session.connection().execute(_TOKENS, {"agent_id": agent_id, "most": most})
    return [Token(row.created_at, row.revoked_at) for row in rows]


def claims(session: Session, *, agent_id: str, most: int) -> Sequence[Claim]:
    """The inboxes that the agent named last, the newest first."""
    rows = session.connection().execute(_CLAIMS, {"agent_id": agent_id, "most": most})
    return [Claim(row.number, row.contact, row.requested_at) for row in rows]


def _page(session: Session, page: str, *, most: int, after: str | None, **given: object) -> AgentPage:
    told = {"most": most + 1, **given, **({"after": after} if after else {})}
    rows = session.connection().execute(text(_LINES.format(page=page)), told)
    found = [_line(row) for row in rows]
    return AgentPage(tuple(found[:most]), found[most - 1].agent_id if len(found) > most else None)


def _line(row: Any) -> AgentLine:
    return AgentLine(
        agent_id=row.agent_id,
        agent_name=row.agent_name,
        contact=row.contact,
        runtime=row.runtime,
        created_at=row.created_at,
        posted=Amount(row.posted, CREDIT),
        held=Amount(row.held, CREDIT),
        frozen=row.frozen,
    )
