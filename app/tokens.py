"""The form of every token: what it opens, 256 random bits, and a checksum that shows a typing error.

source: GitHub's token format, https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 43 letters of 62 hold a little more than 256 bits; 6 hold any CRC32.
_RANDOM_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_REST: Final = re.compile(rf"[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")


def make(prefix: str) -> str:
    """A new token of this kind."""
    body = prefix + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def hashed(token: str, *, prefix: str) -> bytes | None:
    """What is kept of a token, None if it is none of this kind: mistyped, cut off or made up.

    It is 256 random bits, so a plain hash cannot be guessed backwards.
    """
    if not token.startswith(prefix) or _REST.fullmatch(token, len(prefix)) is None:
        return None
    if token[-_CHECKSUM_LENGTH:] != _checksum(token[:-_CHECKSUM_LENGTH]):
        return None
    return hashlib.sha256(token.encode()).digest()


def _checksum(body: str) -> str:
    """The CRC32 of everything before it, as six digits of base 62: 0-9, A-Z, a-z."""
    left, written = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        left, digit = divmod(left, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written
