"""What a receipt proves to somebody who has nothing but the receipt and a public key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from ledger import merkle, seals
from ledger.errors import ChangedReceipt, NotAReceipt, OtherKey, RetiredKey, UnsealedReceipt
from ledger.keys import PublicKey

RECEIPT: Final = "pennyrail-receipt+jws"
SEAL: Final = "pennyrail-seal+jws"
_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proven:
    """What a receipt has proven, as facts."""

    granted: _Json
    seal: _Json
    size: int
    place: int
    key: str
    told: _Json | None
    """What the house says of the payment, by its word alone; None if it says nothing."""

    def lines(self) -> list[str]:
        """The same for a person, one fact a line."""
        told, seal = self.granted, self.seal
        return [
            f"signature    by the key {self.key}",
            f"transaction  {told['transaction_id']}, {told['kind']} {told['reference']}, {told['outcome']}",
            f"agent        {told['agent_id'] or 'none'}",
            f"credits      {told['credits']}, for {told['cents']} cents",
            f"booked       {told['booked_at']}",
            f"leaf         {self.place + 1} of {self.size}, worked out again from the content",
            f"root         {seal['root']}, worked out again from the leaf",
            f"seal         {seal['number']}, after {seal['previous'] or 'none'}, signed by the same key",
            *_payment(self.told or {}),
        ]


def _payment(told: _Json) -> list[str]:
    parts = [str(told[name]) for name in ("receipt_id", "payment_attempt_id", "quote_id") if name in told]
    spoken = [(each["source"], each["state"], each["detail"]) for each in told.get("witnesses", [])]
    return [
        *([f"purchase     {', '.join(parts)}"] if parts else []),
        *(
            f"witness      {', '.join([f'{source} says {state}', *_said(detail)])}"
            for source, state, detail in spoken
        ),
    ]


def _said(detail: _Json) -> list[str]:
    return [f"{name} {value}" for name, value in sorted(detail.items())]


def granted(content: _Json) -> _Json:
    """What the content of a leaf says in few words."""
    told = content["transaction"]
    account = told["account"] or ""
    return {
        "transaction_id": told["id"],
        "reference": told["reference"],
        "kind": told["kind"],
        "outcome": told["outcome"],
        "agent_id": account.removeprefix("agent:") or None,
        "credits": told["credits"],
        "cents": sum(lot["cents"] - lot["cents_used"] for lot in content["lots"] or []),
        "booked_at": told["created_at"],
        "expires_at": (content["granted"] or {}).get("expires_at"),
    }


def find(text: str) -> str:
    """The receipt in a file: the JWS itself, or the JSON of an answer that has it.

    raises: NotAReceipt, UnsealedReceipt
    """
    text = text.strip()
    if not text.startswith("{"):
        return text
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAReceipt("it begins like JSON but is not: it may be cut off") from None
    if isinstance(error := answer.get("error"), dict) and error.get("code") == "RECEIPT_NOT_SEALED_YET":
        raise UnsealedReceipt("the service had not sealed it yet: ask it again")
    inside = answer["data"] if isinstance(answer.get("data"), dict) else answer
    found = inside.get("jws")
    if not isinstance(found, str):
        raise NotAReceipt("JSON, but there is no receipt under data.jws or jws")
    return found.strip()


def verify(receipt: str, *, keys: Sequence[PublicKey]) -> Proven:
    """Check everything that can be checked without the book: signature, leaf, path, root and seal.

    raises: NotAReceipt, OtherKey, RetiredKey, ChangedReceipt
    """
    payload, key = signed(receipt, keys, kind=RECEIPT)
    try:
        return _proven(payload, key)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotAReceipt("signed, but not in the form of a receipt") from None


def compare(text: str, proven: Proven) -> None:
    """Refuse an answer whose readable part says something else than what it has proven beside it.

    raises: ChangedReceipt
    """
    answer = json.loads(text) if text.strip().startswith("{") else {}
    inside = answer["data"] if isinstance(answer.get("data"), dict) else answer
    shown = inside.get("receipt")
    if not isinstance(shown, dict):
        return
    _agree(shown, proven.granted)
    signed = shown if proven.told is None else proven.told
    for name, value in shown.items():
        if name not in signed or signed[name] != value:
            raise ChangedReceipt(f"{name!r} says {value!r} beside it, and {signed.get(name)!r} was signed")


def _agree(told: _Json, booked: _Json) -> None:
    for name, signed in (("credits_granted", "credits"), ("received_cents", "cents")):
        if name in told and told[name] != booked[signed]:
            raise ChangedReceipt(f"{name} says {told[name]!r} beside it, and {booked[signed]} was signed")


def _proven(payload: _Json, key: PublicKey) -> Proven:
    inclusion, seal = payload["inclusion"], payload["seal"]
    leaf = merkle.leaf(payload["content"].encode())
    if leaf.hex() != inclusion["leaf"]:
        raise ChangedReceipt("the leaf is not that of the content")
    root = merkle.root_of_path(
        leaf,
        place=inclusion["place"],
        size=inclusion["size"],
        siblings=[bytes.fromhex(each) for each in inclusion["path"]],
    )
    if root is None or root.hex() != seal["root"] or inclusion["size"] != seal["leaves"]:
        raise ChangedReceipt("the path does not lead to the root of the seal")
    if seals.digest(seal) != seal["hash"]:
        raise ChangedReceipt("the hash of the seal is not that of what the seal says")
    stated, _ = signed(payload["seal_statement"], [key], kind=SEAL)
    if stated != seal:
        raise ChangedReceipt("the seal is not the one that was signed")
    if key.signs_until is not None and seals.sealed_at(seal) > key.signs_until:
        raise RetiredKey(f"its seal is younger than its key, which signs nothing since {key.signs_until}")
    booked, told = granted(json.loads(payload["content"])), payload.get("receipt")
    if booked != payload["granted"]:
        raise ChangedReceipt("what was granted is not what the content says")
    if told is not None and not isinstance(told, dict):
        raise NotAReceipt("signed, but not in the form of a receipt")
    _agree(told or {}, booked)
    proven = Proven(booked, seal, inclusion["size"], inclusion["place"], key.thumbprint, told)
    proven.lines()  # what cannot be told is no receipt
    return proven


def signed(jws: str, keys: Sequence[PublicKey], *, kind: str) -> tuple[_Json, PublicKey]:
    """What was signed, and by which of the keys.

    raises: NotAReceipt, OtherKey, ChangedReceipt
    """
    try:
        header = jwt.get_unverified_header(jws)
    except (jwt.PyJWTError, UnicodeError):
        raise NotAReceipt("not a signed receipt (a JWS in three parts), or a part of one") from None
    if header.get("typ") != kind or header.get("alg") != "EdDSA":
        raise NotAReceipt(f"signed, but not as {kind} with EdDSA")
    key = next((each for each in keys if each.thumbprint == header.get("kid")), None)
    if key is None:
        raise OtherKey("it is signed with another key than this one: it may be of another book")
    try:
        payload = json.loads(jwt.PyJWS().decode(jws, key.key, algorithms=["EdDSA"]))
    except (jwt.PyJWTError, ValueError):
        raise ChangedReceipt("the signature does not fit: something was changed or cut off") from None
    if not isinstance(payload, dict):
        raise NotAReceipt("signed, but not in the form of a receipt")
    return payload, key
