"""How deep a block must lie before a payment in it counts."""

import re
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override

from rails.chain.node import Heads


class Depth(Protocol):
    """A policy: which blocks are deep enough."""

    def confirmed(self, heads: Heads) -> int | None:
        """The highest block that is deep enough; None if the node cannot say, then nothing counts."""
        ...


@dataclass(frozen=True, slots=True)
class Safe:
    """Posted to L1: only a reorg of L1 can undo it."""

    def confirmed(self, heads: Heads) -> int | None:
        return _not_above_latest(heads, heads.safe.number if heads.safe else None)

    @override
    def __str__(self) -> str:
        return "safe"


@dataclass(frozen=True, slots=True)
class Finalized:
    """Derived from finalized L1."""

    def confirmed(self, heads: Heads) -> int | None:
        return _not_above_latest(heads, heads.finalized.number if heads.finalized else None)

    @override
    def __str__(self) -> str:
        return "finalized"


@dataclass(frozen=True, slots=True)
class Confirmations:
    """A number of blocks, the payment's own included."""

    needed: int

    def confirmed(self, heads: Heads) -> int | None:
        return heads.latest.number - self.needed + 1

    @override
    def __str__(self) -> str:
        return f"latest+{self.needed}"


def parse(text: str) -> Depth:
    """The policy that a setting names: `safe`, `finalized`, or `latest+N` with N confirmations of at least 1.

    raises: ValueError
    """
    if text == "safe":
        return Safe()
    if text == "finalized":
        return Finalized()
    confirmations = re.fullmatch(r"latest\+([1-9][0-9]{0,5})", text)
    if confirmations is None:
        raise ValueError(f"{text!r} is no depth: use safe, finalized, or latest+N with N from 1")
    return Confirmations(int(confirmations[1]))


def _not_above_latest(heads: Heads, number: int | None) -> int | None:
    # The tags are read one after another, perhaps from several nodes that are not equally far.
    return None if number is None else min(number, heads.latest.number)
