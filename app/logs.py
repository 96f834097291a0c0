"""How every process of the service logs: in the settings' format, without secrets of any kind."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError

from app import card_numbers, seed_phrases
from app.settings import OF_A_PROCESS, MigrationSettings
from ledger.settings import ReceiptSettings
from rails.telemetry import lines
from rails.telemetry.settings import TelemetrySettings

_MARK: Final = "[redacted]"
# Longer pieces of an address are not names of paths and networks.
_A_WORD: Final = 12
_KINDS: Final = re.compile(
    # A header or a field by its name, with what stands in it. Of `Basic` and `Bearer` the next word, too.
    r"(?i:(?P<name>\b(?:authorization|cookie|set-cookie|x-payment[a-z-]*|payment-(?:signature|required|response)"
    r"|stripe-signature|(?:client|api|webhook)?[_-]?secret|pass(?:word|wd|phrase)|api[_-]?key|mnemonic"
    r"|(?:wallet)?[_-]?private[_-]?key|(?:access|refresh|agent|session|service)[_-]token)"
    r"[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|digest)\s+)?[^\s\"',;&}]+)"
    r"|(?:isk_(?:r|svc)_|\b[srp]k_(?:live|test)_|\bwhsec_|\bspt_|\bpnop_|\bpninv-)[^\s\"',;&]+"
    r"|_secret_\w+|\bv[01]=[0-9a-f]{8,}"
    r"|(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    # A JSON Web Token, and a payment of x402: base64 of JSON.
    r"|\beyJ[\w+/=.-]{16,}"
    r"|-----BEGIN[^-]*-----[^-]*(?:-----END[^-]*-----)?"
    r"|\bM(?:C4CAQAw|HcCAQEE|IGHAgEA|II[EJ])[\w+/=]{16,}"
    r"|\b[a-z]prv[1-9A-HJ-NP-Za-km-z]{50,}"
    # A password in an address.
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
# A private key looks like a transaction's hash. What is left of it finds the hash, and opens nothing.
_KEY_OR_HASH: Final = re.compile(r"(?<![0-9a-fA-F])([0-9a-fA-F]{8})[0-9a-fA-F]{56}(?![0-9a-fA-F])")
_WIF: Final = re.compile(r"(?<!\w)[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}(?!\w)")


def configure() -> None:
    """Log as the settings say."""
    try:
        told = TelemetrySettings()
    except ValidationError:
        # The process is about to refuse its settings, and says so by itself.
        told = TelemetrySettings.model_construct(log_format="text", log_level="INFO")
    lines.configure(told.log_format, told.log_level, secrets=set(secrets()), mask=mask)


def mask(text: str) -> str:
    """The text without what looks like a credential of any kind that `app/credential_kinds.py` knows."""
    text = _KINDS.sub(lambda found: f"{found['name'] or ''}{_MARK}", text)
    text = _WIF.sub(_MARK, _KEY_OR_HASH.sub(rf"\1{_MARK}", text))
    text = card_numbers.without(text, _MARK)
    return f"{_MARK}: it held a seed phrase" if seed_phrases.is_in(text) else text


def secrets() -> Iterator[str]:
    """Every secret of this process's settings, and what is secret in an address."""
    for kind in dict.fromkeys((*OF_A_PROCESS, ReceiptSettings, MigrationSettings)):
        try:
            read = kind()
        except ValidationError:
            continue
        for _, value in read:
            yield from _in_value(value)
    key = _receipt_key()
    if key is not None:
        yield from (line for line in key.splitlines() if not line.startswith("-----"))


def _in_value(value: object) -> Iterator[str]:
    if isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from _in_value(each)
    elif isinstance(value, SecretStr):
        told = value.get_secret_value()
        yield from _in_address(told) if "://" in told else (told,)
    elif isinstance(value, str) and "://" in value:
        password = urlsplit(value).password or ""
        yield from (password, unquote(password))


def _in_address(address: str) -> Iterator[str]:
    """What opens a node's address. Its name may be told: somebody has to find out which node it is."""
    parts = urlsplit(address)
    pieces = [parts.password or "", *parts.path.split("/"), *parts.query.replace("=", "&").split("&")]
    yield from (spelled for each in pieces if len(each) > _A_WORD for spelled in (each, unquote(each)))


def _receipt_key() -> str | None:
    try:
        key = ReceiptSettings().signing_key
    except ValidationError:
        return None
    return key.pem() if key is not None else None
