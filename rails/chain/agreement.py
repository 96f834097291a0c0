"""What several nodes say together: a block counts only once enough of them have it, and none has another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rails.chain import node
from rails.chain.errors import NodesDisagree, RpcError
from rails.chain.finality import Depth
from rails.chain.node import Header, Heads
from rails.chain.rpc import Node


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The nodes beside the one that is read, and how many of them must say the same.

    One that does not answer says nothing; one that says something else is a veto, however many agree.
    """

    nodes: Sequence[Node] = ()
    needed: int = 0


ALONE = Witnesses()


@dataclass(frozen=True, slots=True)
class Depths:
    """How deep the blocks lie, on the word of all who were needed. None: they cannot say."""

    heads: Heads
    policy: str
    confirmed: int | None
    final: Header | None
    silent: tuple[str, ...] = ()
    """Of the witnesses, who said nothing, and why."""
    too_few: bool = False
    """Fewer witnesses spoke than are needed: nothing counts, whatever its depth."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What one witness says of depth."""

    confirmed: int
    final: Header | None


def depths(rpc: Node, witnesses: Witnesses, policy: Depth) -> Depths:
    """Read the heads of `rpc`, and as much of their depth as the witnesses confirm.

    raises: RpcError of `rpc`, NodesDisagree
    """
    heads = node.heads(rpc)
    own = Depths(heads, str(policy), policy.confirmed(heads), _final(heads))
    if not witnesses.nodes:
        return own
    words, silent = _ask(rpc, own, witnesses, policy)
    if len(words) < witnesses.needed:
        return Depths(heads, own.policy, None, None, silent, too_few=True)
    if witnesses.needed == 0:
        return Depths(heads, own.policy, own.confirmed, own.final, silent)
    # The last of those that are needed, the farthest first: a node that lags behind more is not waited for.
    confirmed = sorted((word.confirmed for word in words), reverse=True)[witnesses.needed - 1]
    finals = sorted((word.final.number if word.final else -1 for word in words), reverse=True)
    final = _lower(rpc, own.final, finals[witnesses.needed - 1])
    lowest = None if own.confirmed is None else min(own.confirmed, confirmed)
    return Depths(heads, own.policy, lowest, final, silent)


def _ask(rpc: Node, own: Depths, witnesses: Witnesses, policy: Depth) -> tuple[list[_Word], tuple[str, ...]]:
    words: list[_Word] = []
    silent: list[str] = []
    highest = max(own.confirmed or 0, own.final.number if own.final else 0)
    for each in witnesses.nodes:
        try:
            heads = node.heads(each)
            number = min(highest, heads.latest.number)
            theirs = node.header(each, number)
        except RpcError as error:
            silent.append(f"{each.origin}: {error}")
            continue
        _compare(rpc, each, number, theirs)
        confirmed = policy.confirmed(heads)
        if confirmed is None:
            silent.append(f"{each.origin}: it knows no block that is {policy}")
        else:
            words.append(_Word(confirmed, _final(heads)))
    return words, tuple(silent)


def _compare(rpc: Node, witness: Node, number: int, theirs: Header) -> None:
    """The highest block that may count must be the same at both, and with it all below."""
    ours = node.header(rpc, number)
    if ours.hash == theirs.hash:
        return
    # At the tip one of them may have changed its mind between two calls; twice is no accident.
    with suppress(RpcError):
        theirs = node.header(witness, number)
    ours = node.header(rpc, number)
    if ours.hash != theirs.hash:
        raise NodesDisagree(
            f"block {number} is {ours.hash} at {rpc.origin} and {theirs.hash} at {witness.origin}"
        )


def _final(heads: Heads) -> Header | None:
    # The tags may come from nodes that are not equally far: nothing above a node's own head is final.
    final = heads.finalized
    return final if final is None or final.number <= heads.latest.number else heads.latest


def _lower(rpc: Node, final: Header | None, number: int) -> Header | None:
    if final is None or number < 0:
        return None
    return final if final.number <= number else node.header(rpc, number)
