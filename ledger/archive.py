"""Archives: seals with everything under them in a file, which proves itself without the book.

A line is one JSON object. The first says which seals follow; then each seal, and under it its leaves:
the content that was hashed into the tree, and the entries whose hash that content has. The last line is the
last seal, signed if the house has a key: a seal names the seal before it, so one signature covers all.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session, col, select, text

from ledger import merkle, proof, receipts, seals
from ledger.errors import BadReceipt, BrokenArchive, NotSealed
from ledger.keys import PublicKey, SigningKey
from ledger.models import Seal

FORMAT: Final = "pennyrail archive 1"
_Json = dict[str, Any]
# The text of the entries as the content's hash was made of it; the view keeps only the hash.
_LEAVES: Final = text(
    """
    SELECT sealed.content, (
        SELECT string_agg(
            concat_ws(
                '|', entry.leg, entry.account_id, account.name, entry.shard, entry.asset, entry.amount,
                entry.held, entry.seq, entry.balance_after, entry.held_after, encode(entry.hash, 'hex'),
                seal_time(entry.created_at),
                CASE WHEN entry.seq = 1 THEN seal_time(account.created_at) END
            ),
            E'\\n' ORDER BY entry.leg
        )
        FROM entry
        LEFT JOIN account ON account.id = entry.account_id
        WHERE entry.transaction_id = leaf.transaction_id
    ) AS entries
    FROM seal_leaf AS leaf
    JOIN sealed_content AS sealed ON sealed.id = leaf.transaction_id
    WHERE leaf.seal = :seal
    ORDER BY leaf.place
    """
)


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file has proven to hold. `previous` and `hash` tie it to the archives before and after it."""

    first: int
    last: int
    transactions: int
    entries: int
    previous: str
    hash: str
    key: str | None

    def lines(self) -> list[str]:
        """The same for a person, one fact a line."""
        return [
            f"seals         {self.first} to {self.last}, each worked out again from what is under it",
            f"transactions  {self.transactions}",
            f"entries       {self.entries}",
            f"goes on from  {self.previous or 'the beginning'}",
            f"ends at       {self.hash}",
            f"signature     by the key {self.key}" if self.key else "signature     not checked",
        ]


def write(session: Session, *, first: int, last: int, key: SigningKey | None = None) -> Iterator[str]:
    """The lines of an archive of the seals `first` to `last`, each checked as it goes out.

    The session must not have been used before in its transaction. Needs memory for one seal.

    raises: NotSealed; BrokenArchive if the book is not as it was sealed.
    """
    session.connection().execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    session.connection().execute(seals.ALONG_INDEXES)
    numbers = session.exec(select(Seal.number).where(col(Seal.number).between(first, last))).all()
    if not 0 < first <= last or len(numbers) != last - first + 1:
        raise NotSealed(f"the book has not all the seals from {first} to {last}")
    yield _line({"archive": FORMAT, "first": first, "last": last})
    for number in range(first, last + 1):
        seal = session.get_one(Seal, number)
        yield _line({"seal": seals.statement(seal)})
        rows = session.connection().execute(_LEAVES, {"seal": number}).all()
        leaves = [{"content": row.content, "entries": row.entries} for row in rows]
        _check_leaves(seals.statement(seal), leaves)
        yield from map(_line, leaves)
        if number == last:
            yield _line({"signed": receipts.seal_statement(seal, key=key) if key is not None else None})
        session.expunge(seal)


def verify(lines: Iterable[str], *, keys: Sequence[PublicKey] = ()) -> Archive:
    """Work out every seal again from what stands under it, and the chain from seal to seal, without the book.

    With `keys` the last seal must be signed by one of them.

    raises: BrokenArchive
    """
    try:
        return _verified(map(json.loads, lines), keys)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, RuntimeError):
        raise BrokenArchive("not an archive, or cut off") from None


def _verified(told: Iterator[_Json], keys: Sequence[PublicKey]) -> Archive:
    head = next(told)
    first, last = head["first"], head["last"]
    if head["archive"] != FORMAT or not 0 < first <= last:
        raise BrokenArchive(f"not {FORMAT!r}")
    begins_after, before, transactions, entries = "", "", 0, 0
    for number in range(first, last + 1):
        seal = next(told)["seal"]
        if number == first:
            begins_after = before = seal["previous"]
        if seal["number"] != number or seal["previous"] != before:
            raise BrokenArchive(f"seal {number} does not follow the seal before it")
        if (number == 1) != (seal["previous"] == ""):
            raise BrokenArchive(f"seal {number} is not where the chain begins")
        leaves = [next(told) for _ in range(seal["leaves"])]
        entries += _check_leaves(seal, leaves)
        transactions, before = transactions + len(leaves), seal["hash"]
    key = _signer(next(told)["signed"], seal, keys)
    if next(told, None) is not None:
        raise BrokenArchive("something stands behind the end")
    return Archive(first, last, transactions, entries, begins_after, before, key)


def _check_leaves(seal: _Json, leaves: Sequence[_Json]) -> int:
    """How many entries stand under a seal; all of them are what was sealed."""
    where, entries = f"seal {seal['number']}", 0
    for place, leaf in enumerate(leaves, start=1):
        text_of, hash_of = leaf["entries"], json.loads(leaf["content"])["entries"]
        if (hashlib.sha256(text_of.encode()).hexdigest() if text_of is not None else None) != hash_of:
            raise BrokenArchive(f"{where}, leaf {place}: the entries are not those that were sealed")
        entries += len(text_of.splitlines()) if text_of is not None else 0
    hashes = [merkle.leaf(leaf["content"].encode()) for leaf in leaves]
    if len(hashes) != seal["leaves"] or not hashes or merkle.root(hashes).hex() != seal["root"]:
        raise BrokenArchive(f"{where}: its leaves do not lead to its root")
    if seals.digest(seal) != seal["hash"]:
        raise BrokenArchive(f"{where}: its hash is not that of what it says")
    return entries


def _signer(signed: str | None, seal: _Json, keys: Sequence[PublicKey]) -> str | None:
    if not keys:
        return None
    if signed is None:
        raise BrokenArchive("it is not signed")
    try:
        said, key = proof.signed(signed, keys, kind=proof.SEAL)
    except BadReceipt:
        said, key = None, keys[0]
    if said != seal:
        raise BrokenArchive("the last seal is not signed by this key")
    return key.thumbprint


def _line(told: _Json) -> str:
    return json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n"
