"""The Ed25519 keys that sign receipts, and how they are written and named."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import BadKey


@dataclass(frozen=True)
class PublicKey:
    """Whoever has it can check a signature."""

    key: Ed25519PublicKey
    signs_until: datetime | None = None
    """When the house stopped signing with it, None if it has not. What was sealed before stays proven."""

    @property
    def jwk(self) -> dict[str, str]:
        """The key as RFC 8037 writes it."""
        raw = self.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}

    @property
    def thumbprint(self) -> str:
        """The name of the key, worked out from the key itself as in RFC 7638."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return _base64url(hashlib.sha256(canonical.encode()).digest())

    def pem(self) -> str:
        """The key as a file."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass(frozen=True)
class SigningKey:
    """Whoever has it can sign in the house's name: it is never shown."""

    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, pem: str) -> "SigningKey":
        """The key that `pem` holds.

        raises: BadKey
        """
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Not `from error`: a message of the parser could quote what it read.
            raise BadKey("not a private key in PEM without a password") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("a private key, but not of Ed25519")
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The other half."""
        return PublicKey(self.key.public_key())

    def pem(self) -> str:
        """The key as a file that only its owner may read."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def jwks(*keys: PublicKey) -> dict[str, list[dict[str, str]]]:
    """Public keys as a set that any JOSE library reads; of a key given twice the first counts."""
    told: dict[str, dict[str, str]] = {}
    for each in keys:
        told.setdefault(each.thumbprint, _published(each))
    return {"keys": list(told.values())}


def read_public(text: str) -> list[PublicKey]:
    """The public keys in a PEM file, or in a set as `jwks` writes it.

    raises: BadKey
    """
    if "PRIVATE KEY" in text:
        raise BadKey("this is a private key; give the public one, and keep this one to yourself")
    try:
        found = _in_set(text) if text.lstrip().startswith("{") else [_in_pem(text)]
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm, jwt.PyJWTError):
        raise BadKey("neither a public key in PEM nor a set of keys in JSON") from None
    keys = [each for each in found if each is not None]
    if not keys:
        raise BadKey("no public key of Ed25519 is in it")
    return keys


def _published(key: PublicKey) -> dict[str, str]:
    told = {**key.jwk, "kid": key.thumbprint, "alg": "EdDSA", "use": "sig"}
    return told if key.signs_until is None else {**told, "signs_until": key.signs_until.isoformat()}


def _in_pem(text: str) -> PublicKey | None:
    key = serialization.load_pem_public_key(text.encode())
    return PublicKey(key) if isinstance(key, Ed25519PublicKey) else None


def _in_set(text: str) -> list[PublicKey | None]:
    return [_in_jwk(each) for each in json.loads(text)["keys"]]


def _in_jwk(told: dict[str, Any]) -> PublicKey | None:
    if "d" in told:
        raise BadKey("a private key is in this set; give the public ones, and keep that one to yourself")
    key, until = jwt.PyJWK(told, algorithm="EdDSA").key, told.get("signs_until")
    if not isinstance(key, Ed25519PublicKey):
        return None
    moment = datetime.fromisoformat(until) if until is not None else None
    if moment is not None and moment.tzinfo is None:
        raise BadKey("signs_until names no time zone")
    return PublicKey(key, moment)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
