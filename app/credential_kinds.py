"""What kind of credential something looks like, and what its sender should do instead: never what it was."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from app import card_numbers, seed_phrases

Kind = Literal[
    "a card number",
    "a private key",
    "a private key or a transaction hash",
    "a seed phrase",
    "an x402 payment header",
    "a Stripe secret",
    "a bearer token",
    "a credential",
]

_PAY_THERE: Final = "pay on chain or on Stripe's page; no payment credential is ever sent here"
_REPLACE: Final = "if it is one, treat it as compromised and replace it"
_ADVICE: Final[Mapping[Kind, str]] = {
    "a private key or a transaction hash": (
        "a transaction hash is not needed here: poll the status. As an idempotency key write a hash with its"
        " name, as in sha256:... If it is a private key, treat it as compromised and replace it"
    ),
    "a bearer token": f"show the agent token in the header Authorization: Bearer, nowhere else; {_REPLACE}",
}
# Looked for in this order, in what is known to be a credential: a loose word is enough.
_FORMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("an x402 payment header", re.compile(r"\beyJ4NDAyVmVyc2lvbi")),
    ("a Stripe secret", re.compile(r"\b[srp]k_(?:live|test)_|\bwhsec_|_secret_|\bspt_")),
    ("a bearer token", re.compile(r"isk_(?:r|svc)_|(?i:\bbearer\s)|\beyJ")),
    ("a private key", re.compile(r"-----BEGIN|\bM(?:C4CAQAw|HcCAQEE|IGHAgEA|II[EJ])|\b[a-z]prv")),
    ("a private key or a transaction hash", re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")),
)
# The same of names, without case and punctuation.
_NAMES: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("a private key", re.compile("privatekey|keystore|signingkey|^wallet")),
    ("a seed phrase", re.compile("mnemonic|seed|recoveryphrase|passphrase")),
    ("a card number", re.compile("card|cvc|cvv|^pan$|^pin$|iban|accountnumber|routingnumber")),
    ("an x402 payment header", re.compile("payment(?!token)")),
    ("a Stripe secret", re.compile("secret|stripe|^spt$|provider")),
    ("a bearer token", re.compile("token|bearer|authorization|apikey")),
)


def of_text(text: str) -> Kind:
    """The kind of a value that looks like a credential."""
    for kind, form in _FORMS:
        if form.search(text):
            return kind
    if seed_phrases.is_in(text):
        return "a seed phrase"
    # What has no other form is a wallet's key in base 58.
    return "a card number" if card_numbers.is_in(text) else "a private key"


def of_name(name: str) -> Kind:
    """The kind of what a field or header of this name would hold."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((kind for kind, form in _NAMES if form.search(plain)), "a credential")


def refusal(place: str, kind: Kind) -> str:
    """What a sender is told. `place` is in our own words."""
    advice = _ADVICE.get(kind, f"{_PAY_THERE}; {_REPLACE}")
    return f"{place} holds what looks like {kind}; it was not stored. {advice}"
