"""The bloom of a block: which contracts and topics its logs may have.

source: Yellow Paper 4.3.1, M3:2048: three bits an item, each from eleven bits of its Keccak hash.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from eth_hash.auto import keccak

_BLOOM = re.compile(r"0x[0-9a-fA-F]{512}")


def may_hold(bloom: str, wanted: Iterable[tuple[str, ...]]) -> bool:
    """Whether there may be a log with all items of one of `wanted`; False is certain.

    An item is an address or a topic in hex. A bloom that is none, as of a node that does not tell it, may
    hold nothing: there is no reason to doubt then.
    """
    if not _BLOOM.fullmatch(bloom):
        return False
    bits = int(bloom, 16)
    return any(all(bits & _mask(item) == _mask(item) for item in items) for items in wanted)


@lru_cache(maxsize=16_384)
def _mask(item: str) -> int:
    digest = keccak(bytes.fromhex(item[2:]))
    return sum({1 << (int.from_bytes(digest[place : place + 2]) & 2047) for place in (0, 2, 4)})
