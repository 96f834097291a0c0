"""Signed receipts: one transaction, and the proof that it is in a seal of the book."""

import json
from typing import Any, Final

import jwt
from sqlmodel import Session, col, select, text

from ledger import merkle, proof, seals
from ledger.errors import NotSealedYet, UnknownTransaction
from ledger.keys import SigningKey
from ledger.models import Seal, SealLeaf, Transaction

_CONTENT: Final = text("SELECT content FROM sealed_content WHERE id = :id")


def issue(session: Session, *, transaction_id: int, key: SigningKey) -> str:
    """The receipt of a transaction as a JWS: the same text whenever it is asked for.

    raises: UnknownTransaction, NotSealedYet
    """
    leaf = session.exec(select(SealLeaf).where(SealLeaf.transaction_id == transaction_id)).one_or_none()
    if leaf is None:
        if session.get(Transaction, transaction_id) is None:
            raise UnknownTransaction(f"there is no transaction {transaction_id}")
        raise NotSealedYet(f"transaction {transaction_id} is in no seal yet")
    seal = session.get_one(Seal, leaf.seal)
    content: str = session.connection().execute(_CONTENT, {"id": transaction_id}).scalar_one()
    places = select(SealLeaf.hash).where(SealLeaf.seal == leaf.seal).order_by(col(SealLeaf.place))
    leaves = [bytes(each) for each in session.exec(places)]
    # A receipt over a changed book would prove the change.
    assert merkle.leaf(content.encode()) == leaf.hash, f"transaction {transaction_id} is not as it was sealed"
    assert merkle.root(leaves) == seal.root, f"seal {seal.number} is not as it was made"
    return _sign(_payload(content, leaf, seal, leaves, key), key, kind=proof.RECEIPT)


def seal_statement(seal: Seal, *, key: SigningKey) -> str:
    """What a seal says, signed by itself, for publication outside the house."""
    return _sign(seals.statement(seal), key, kind=proof.SEAL)


def _payload(
    content: str, leaf: SealLeaf, seal: Seal, leaves: list[bytes], key: SigningKey
) -> dict[str, Any]:
    return {
        "granted": proof.granted(json.loads(content)),
        "content": content,
        "inclusion": {
            "leaf": leaf.hash.hex(),
            "place": leaf.place,
            "size": seal.leaves,
            "path": [each.hex() for each in merkle.path(leaves, leaf.place)],
        },
        "seal": seals.statement(seal),
        "seal_statement": seal_statement(seal, key=key),
    }


def _sign(payload: dict[str, Any], key: SigningKey, *, kind: str) -> str:
    written = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    headers = {"kid": key.public.thumbprint, "typ": kind}
    return jwt.PyJWS().encode(written, key.key, algorithm="EdDSA", headers=headers)
