"""The endpoints' secrets at rest: encrypted under a key that stands in no table."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from outbound.errors import SecretUnreadable


@dataclass(frozen=True, slots=True)
class Vault:
    """Whoever has it can read every secret: it is never shown."""

    keys: MultiFernet = field(repr=False)

    @classmethod
    def of(cls, keys: Sequence[str]) -> "Vault":
        """A vault that closes with the first of the keys and opens with any.

        raises: ValueError if one of them is not a key.
        """
        return cls(MultiFernet([Fernet(key) for key in keys]))

    def close(self, secret: str) -> bytes:
        """The secret, encrypted."""
        return self.keys.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret again.

        raises: SecretUnreadable
        """
        try:
            return self.keys.decrypt(sealed).decode()
        except InvalidToken:
            raise SecretUnreadable("this secret was encrypted under another key") from None

    def close_anew(self, sealed: bytes) -> bytes:
        """The same secret under the first key, so that the others can be thrown away.

        raises: SecretUnreadable
        """
        try:
            return self.keys.rotate(sealed)
        except InvalidToken:
            raise SecretUnreadable("this secret was encrypted under another key") from None


def new_key() -> str:
    """A key for a new vault."""
    return Fernet.generate_key().decode()
