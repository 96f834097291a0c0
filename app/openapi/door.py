"""One door of the contract, as the document describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Tag = Literal["service", "identity", "catalog", "buying", "history"]

TAGS: Final[Mapping[Tag, str]] = {
    "service": "Whether the service works, and how it describes itself.",
    "identity": "Becoming an agent, and what it may spend.",
    "catalog": "What is for sale and how it may be paid.",
    "buying": "From a price to credits: quote, buy, status.",
    "history": "What happened to one's own credits, and receipts that prove it.",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A door to go on to, with a field of this reply as one of its arguments."""

    name: str
    to: str
    """The name of the door."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """A door in the agents' envelope. `shape` is the type of its `data`, or several.

    `refuses` names the codes that only this door has; those of every door, and of every door that asks for
    a token, are added.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    tag: Tag
    summary: str
    shape: Any
    refuses: tuple[str, ...] = ()
    asks_for_token: bool = True
    example: Mapping[str, object] | None = None
    links: tuple[Link, ...] = ()
    headers: tuple[str, ...] = ()
    """Headers of a reply that succeeds, beside those of every reply."""
    request_headers: tuple[str, ...] = ()
    empty: Mapping[int, str] = field(default_factory=dict)
    """Replies without a body, and what each means."""
    streams: bool = False
    """Whether who accepts an event stream gets one."""
    guarded: bool = True
    """Whether bodies and headers are looked through before the door sees them."""
    limited: bool = True
    """Whether it may be asked only so often."""
    sold: bool = False
    """Whether the door is a step of paying."""
    rail_id: str | None = None
    """The rail whose purchases are opened here."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A document that is read as it stands, without an envelope."""

    path: str
    name: str
    summary: str
    media_type: str
    schema: Mapping[str, object]
    refuses: tuple[str, ...] = ()
    guarded: bool = False
    limited: bool = True
    headers: tuple[str, ...] = ()
