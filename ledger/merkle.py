"""The Merkle tree of RFC 6962, section 2.1: a hash for many leaves, and a short path that proves one of them.

The prefixes keep a leaf from passing for a node. Where a level is not full, its rest moves up as it is.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(_LEAF + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node."""
    return hashlib.sha256(_NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of the whole tree, whose leaves are given as hashes; there is at least one."""
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def path(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """What has to be known, from the bottom up, to work out the root from the leaf at `place`."""
    siblings, level = [], list(leaves)
    while len(level) > 1:
        sibling = place ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level = _next_level(level)
        place //= 2
    return siblings


def root_of_path(found: bytes, *, place: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root of the tree of `size` leaves that has `found` at `place`; None if the path does not fit."""
    left = list(siblings)
    if not 0 <= place < size:
        return None
    while size > 1:
        if place ^ 1 < size:
            if not left:
                return None
            sibling = left.pop(0)
            found = node(sibling, found) if place % 2 else node(found, sibling)
        place, size = place // 2, (size + 1) // 2
    return None if left else found


def _next_level(level: list[bytes]) -> list[bytes]:
    above = [node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return above + level[-1:] if len(level) % 2 else above
