"""Signed receipts: one transaction, and the proof that it is in a seal of the book."""

import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
from sqlmodel import Session, select, text

from ledger import merkle, proof, seals
from ledger.errors import NotSealedYet, UnknownTransaction
from ledger.keys import SigningKey
from ledger.models import Seal, SealLeaf, Transaction

_CONTENT: Final = text("SELECT content FROM sealed_content WHERE id = :id")
# One array: a row for each leaf would take ten times as long to fetch.
_LEAVES: Final = text("SELECT array_agg(hash ORDER BY place) FROM seal_leaf WHERE seal = :seal")


def issue(
    session: Session, *, transaction_id: int, key: SigningKey, told: Mapping[str, Any] | None = None
) -> str:
    """The receipt of a transaction as a JWS: the same text whenever it is asked for with the same `told`.

    `told` is what the house says of the payment behind it, who witnessed it before all: signed with the
    rest, by the house's word alone. Witnesses may say more later.

    raises: UnknownTransaction, NotSealedYet
    """
    leaf = session.exec(select(SealLeaf).where(SealLeaf.transaction_id == transaction_id)).one_or_none()
    if leaf is None:
        if session.get(Transaction, transaction_id) is None:
            raise UnknownTransaction(f"there is no transaction {transaction_id}")
        raise NotSealedYet(f"transaction {transaction_id} is in no seal yet")
    seal = session.get_one(Seal, leaf.seal)
    content: str = session.connection().execute(_CONTENT, {"id": transaction_id}).scalar_one()
    hashes = session.connection().execute(_LEAVES, {"seal": leaf.seal}).scalar_one()
    siblings = merkle.path([bytes(each) for each in hashes], leaf.place)
    # A receipt over a changed book would prove the change.
    assert merkle.leaf(content.encode()) == leaf.hash, f"transaction {transaction_id} is not as it was sealed"
    root = merkle.root_of_path(leaf.hash, place=leaf.place, size=seal.leaves, siblings=siblings)
    assert root == seal.root, f"seal {seal.number} is not as it was made"
    payload = _payload(content, leaf, seal, siblings, key)
    return _sign(payload if told is None else {**payload, "receipt": told}, key, kind=proof.RECEIPT)


def seal_statement(seal: Seal, *, key: SigningKey) -> str:
    """What a seal says, signed by itself, for publication outside the house."""
    return _sign(seals.statement(seal), key, kind=proof.SEAL)


def _payload(
    content: str, leaf: SealLeaf, seal: Seal, siblings: list[bytes], key: SigningKey
) -> dict[str, Any]:
    return {
        "granted": proof.granted(json.loads(content)),
        "content": content,
        "inclusion": {
            "leaf": leaf.hash.hex(),
            "place": leaf.place,
            "size": seal.leaves,
            "path": [each.hex() for each in siblings],
        },
        "seal": seals.statement(seal),
        "seal_statement": seal_statement(seal, key=key),
    }


def _sign(payload: dict[str, Any], key: SigningKey, *, kind: str) -> str:
    written = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    headers = {"kid": key.public.thumbprint, "typ": kind}
    return jwt.PyJWS().encode(written, key.key, algorithm="EdDSA", headers=headers)
