"""What operators prove themselves with: a password, and a code of the moment that counts once."""

from datetime import datetime
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200
STEP_SECONDS: Final = 30
_STEPS_OFF: Final = 1
_hasher = PasswordHasher()
# Verified when nobody has the email, so that an answer takes as long as any other.
_NOBODY: Final = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether it is the password. Takes as long where there is none."""
    try:
        _hasher.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def weakness(password: str, *, email: str) -> str | None:
    """What is wrong with a password that somebody chose, None if nothing."""
    if len(password) < SHORTEST_PASSWORD:
        return f"a password has at least {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"a password has at most {LONGEST_PASSWORD} characters"
    if len(set(password)) < 5 or email.partition("@")[0].lower() in password.lower():
        return "a password must not be guessed so easily"
    return None


def new_secret() -> str:
    """The secret of a new second factor, as authenticator apps take it."""
    return pyotp.random_base32()


def address_of(secret: str, *, email: str, issuer: str) -> str:
    """The otpauth: address that an app reads off a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def code(secret: str, *, now: datetime) -> str:
    """The code of this moment."""
    return pyotp.TOTP(secret).at(now)


def step_of(secret: str, given: str, *, now: datetime, after: int) -> int | None:
    """Which step of 30 seconds a code belongs to, None if it is wrong, too old or counted before.

    `after` is the last step whose code was taken: a code that somebody saw does not open a second time.
    """
    shown = "".join(given.split())
    if len(shown) != 6 or not shown.isascii() or not shown.isdigit():
        return None
    here = int(now.timestamp()) // STEP_SECONDS
    for step in range(here - _STEPS_OFF, here + _STEPS_OFF + 1):
        if step > after and pyotp.utils.strings_equal(pyotp.TOTP(secret).at(step * STEP_SECONDS), shown):
            return step
    return None
