"""What looks like a credential that nobody should ever send here: by its name, or by itself."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

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

_VALUE: Final = re.compile(
    r"isk_r_[\w-]{16}"
    r"|\b[srp]k_(?:live|test)_\w{8}"
    r"|\bwhsec_\w{8}"
    r"|_secret_\w{8}"
    r"|\bspt_\w{8}"
    r"|-----BEGIN"
    r"|^0x[0-9a-fA-F]{64}$"
    r"|^(?:[a-z]{3,8} ){11,23}[a-z]{3,8}$"
)
_CARD: Final = re.compile(r"[3-6]\d{3}(?:[ -]?\d){10,15}")


def named(name: str) -> bool:
    """Whether a field of this name would hold a credential."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if name in _PUBLIC_NAMES:
        return False
    return plain in _WHOLE_NAMES or any(part in plain for part in _NAME_PARTS)


def looks_like_one(text: str) -> bool:
    """Whether a value gives itself away, whatever its field is called."""
    return _VALUE.search(text) is not None or (_CARD.fullmatch(text) is not None and _passes_luhn(text))


def anywhere_in(value: object) -> bool:
    """Whether a JSON value holds a credential at any depth."""
    for name, text in _walk(value):
        if (name is not None and named(name)) or (text is not None and looks_like_one(text)):
            return True
    return False


def _walk(value: object) -> Iterator[tuple[str | None, str | None]]:
    # A stack, not recursion: how deep a body nests is the sender's choice.
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, str):
            yield None, here
        elif isinstance(here, Mapping):
            for name in here:
                yield str(name), str(name)
            left.extend(here.values())
        elif isinstance(here, list):
            left.extend(here)


def _passes_luhn(text: str) -> bool:
    """Whether the digits end in the check digit of a card number.

    source: ISO/IEC 7812-1, annex B.
    """
    digits = [int(digit) for digit in reversed(text) if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
