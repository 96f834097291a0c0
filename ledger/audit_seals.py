"""Work out every seal again from its leaves, and the chain from seal to seal."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, text

from ledger import merkle
from ledger.drift import Drift

_SEALS: Final = """
SELECT
    number, leaves, root, previous, hash, horizon::text AS horizon,
    (extract(epoch FROM sealed_at) * 1000000)::bigint AS sealed_at,
    (SELECT max(xid::text::numeric) FROM seal_leaf WHERE seal_leaf.seal = seal.number) AS newest
FROM seal
ORDER BY number
"""
# As one array a seal: one row a leaf would take ten times as long to fetch.
_LEAVES: Final = text("SELECT array_agg(hash ORDER BY place) FROM seal_leaf WHERE seal = :number")
_ORPHANS: Final = """
SELECT seal, count(*)
FROM seal_leaf
WHERE NOT EXISTS (SELECT FROM seal WHERE seal.number = seal_leaf.seal)
GROUP BY seal
"""


def broken(connection: Connection, *, order: int) -> Iterator[Drift]:
    """Every seal that is not what its leaves and the seal before it make it."""
    previous = b""
    for expected_number, seal in enumerate(connection.exec_driver_sql(_SEALS).all(), start=1):
        leaves = [
            bytes(each) for each in connection.execute(_LEAVES, {"number": seal.number}).scalar_one() or []
        ]
        for what, expected, found in _compared(seal, expected_number, leaves, previous):
            if expected != found:
                yield Drift(what, f"seal {seal.number}", _shown(expected), _shown(found), None, order)
        if seal.newest is not None and int(seal.newest) >= int(seal.horizon):
            yield Drift("horizon", f"seal {seal.number}", f"after {seal.newest}", seal.horizon, None, order)
        previous = bytes(seal.hash)
    for number, leaves_left in connection.exec_driver_sql(_ORPHANS):
        yield Drift("seal row", f"seal {number}", f"one for {leaves_left} leaves", "none", None, order)


def _compared(
    seal: Any, number: int, leaves: list[bytes], previous: bytes
) -> Iterator[tuple[str, int | bytes, int | bytes]]:
    said = "|".join(
        [
            "pennyrail seal 1",
            *(str(seal.number), str(seal.leaves), bytes(seal.root).hex()),
            *(bytes(seal.previous).hex(), str(seal.horizon), str(seal.sealed_at)),
        ]
    )
    yield "number", number, seal.number
    yield "leaves", len(leaves), seal.leaves
    yield "root", merkle.root(leaves) if leaves else b"", bytes(seal.root)
    yield "previous", previous, bytes(seal.previous)
    yield "hash", hashlib.sha256(said.encode()).digest(), bytes(seal.hash)


def _shown(value: int | bytes) -> str:
    return value.hex() or "none" if isinstance(value, bytes) else str(value)
