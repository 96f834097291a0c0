"""What looks like a credential that nobody should ever send here: by its name, or by itself."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app import card_numbers, credential_kinds, seed_phrases
from app.commands import FLAGS
from app.credential_kinds import Kind

X402_HEADERS: Final = frozenset(
    {
        "x-payment",
        "x-payment-response",
        "payment-required",
        "payment-signature",
        "payment-response",
    }
)

# Compared without case and punctuation, anywhere in a name: `walletPrivateKey` is `private-key` too.
_NAME_PARTS: Final = (
    "privatekey",
    "secret",
    "mnemonic",
    "seed",
    "recoveryphrase",
    "passphrase",
    "password",
    "keystore",
    "card",
    "cvc",
    "cvv",
    "iban",
    "accountnumber",
    "routingnumber",
    "xpayment",
    "paymentrequired",
    "paymentsignature",
    "paymentresponse",
    "paymentheader",
    "paymentpayload",
    "paymentcredential",
    "paymentreceipt",
    "authorization",
    "bearer",
    "token",
    "apikey",
    "stripekey",
    "providerkey",
    "signingkey",
    "providerreceipt",
    "signature",
)
_WHOLE_NAMES: Final = frozenset({"pan", "spt", "mpp", "pin", "wallet", "receipt", "key"})
# A public field of the contract that only looks like one of the above.
_PUBLIC_NAMES: Final = frozenset({"return_token"})

# A letter, a digit, or what joins a name to a hash, as in `sha256:...`: no key of a wallet has it beside it.
_JOINED: Final = r"[\w:-]"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE: Final = re.compile(
    r"isk_(?:r|svc)_[\w-]{16}"
    r"|\b[srp]k_(?:live|test)_\w{8}"
    r"|\bwhsec_\w{8}"
    r"|_secret_\w{8}"
    r"|\bspt_\w{8}"
    r"|-----BEGIN"
    # The first line of a PEM without the one above it: Ed25519, elliptic curves, RSA.
    r"|\bM(?:C4CAQAwBQYDK2Vw|HcCAQEEI|IGHAgEAMBMGByqGSM49|II[EJ]\w{2}IBA(?:DANBgkqhkiG9w0|AKC))"
    r"|(?<!\w)0[xX][0-9a-fA-F]{64}(?!\w)"
    rf"|\b[a-z]prv[{_BASE58}]{{100}}"
    r"|(?i:\bbearer)\s+[\w.~+/=-]{16}"
    # A JSON Web Token, and a payment of x402, which is base64 of JSON that begins with its version.
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|\beyJ4NDAyVmVyc2lvbi"
)
# Hashes are written so, too.
_BARE_KEY: Final = re.compile(rf"(?<!{_JOINED})[0-9a-fA-F]{{64}}(?!{_JOINED})")
# A private key as Bitcoin wallets export it.
_WIF: Final = re.compile(rf"(?<!\w)[5KLc9][{_BASE58}]{{50,51}}(?!\w)")
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")


_OURS: Final = frozenset({*FLAGS, *_PUBLIC_NAMES, "wait"})


@dataclass(frozen=True, slots=True)
class Found:
    """A credential in a JSON value: what it looks like, and its field if that is one of the contract."""

    kind: Kind
    field: str | None


def is_payment_header(name: str) -> bool:
    """Whether a header of this name, in small letters, carries a payment."""
    return name in X402_HEADERS or name.startswith("x-payment")


def named(name: str) -> bool:
    """Whether a field of this name would hold a credential."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if name in _PUBLIC_NAMES:
        return False
    return plain in _WHOLE_NAMES or any(part in plain for part in _NAME_PARTS)


def looks_like_one(text: str) -> bool:
    """Whether a value gives itself away, whatever its field is called."""
    text = _plain(text)
    return is_unmistakable(text) or _BARE_KEY.search(text) is not None or card_numbers.is_in(text)


def is_unmistakable(text: str) -> bool:
    """Whether a value has a form that only credentials have: no mere number, and no bare hex."""
    text = _plain(text)
    return (
        _VALUE.search(text) is not None
        or any(_is_base58check(found[0]) for found in _WIF.finditer(text))
        or seed_phrases.is_in(text)
    )


def _plain(text: str) -> str:
    """The text with the letters and digits that whoever copies it would read."""
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def kind_of(text: str) -> Kind:
    """What a value that looks like a credential looks like."""
    return credential_kinds.of_text(_plain(text))


def anywhere_in(value: object) -> bool:
    """Whether a JSON value holds a credential at any depth."""
    return found_in(value) is not None


def found_in(value: object) -> Found | None:
    """The first credential that a JSON value holds at any depth, None if it holds none."""
    for field, name, text in _walk(value):
        if text is not None and looks_like_one(text):
            return Found(kind_of(text), field if field in _OURS else None)
        if name is not None and named(name):
            return Found(credential_kinds.of_name(name), None)
    return None


def _walk(value: object) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Every field with the texts in it, and every name of a field, which is a text too."""
    # A stack, not recursion: how deep a body nests is the sender's choice.
    left: list[tuple[str | None, object]] = [(None, value)]
    while left:
        field, here = left.pop()
        if isinstance(here, str):
            yield field, None, here
        elif isinstance(here, int):
            yield field, None, str(here)
        elif isinstance(here, float) and here.is_integer():
            yield field, None, f"{here:.0f}"
        elif isinstance(here, Mapping):
            for name in here:
                yield None, str(name), str(name)
            left.extend((str(name), each) for name, each in here.items())
        elif isinstance(here, list):
            # A phrase may come word by word.
            yield field, None, " ".join(each for each in here if isinstance(each, str))
            left.extend((field, each) for each in here)


def _is_base58check(text: str) -> bool:
    """Whether the last four bytes are the checksum of the others.

    source: https://en.bitcoin.it/wiki/Base58Check_encoding
    """
    number = 0
    for digit in text:
        number = number * len(_BASE58) + _BASE58.index(digit)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
