"""What the book is told by its environment."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger import keys
from ledger.errors import BadKey


class LedgerSettings(BaseSettings):
    """The database of the house; there is no default, so that nobody writes to a wrong one by accident."""

    model_config = SettingsConfigDict()

    #: postgresql://user:password@host/database, PostgreSQL 15 or newer.
    database_url: str = Field(min_length=1)
    #: Connections that one process keeps open; it may open as many again under load.
    database_pool_size: int = Field(default=10, gt=0)
    #: How long a request waits for one of them before it is told to come back.
    database_pool_wait_seconds: float = Field(default=2, gt=0)


class ReceiptSettings(BaseSettings):
    """The key that signs receipts. Without one, none are issued."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    #: An Ed25519 private key in PEM; a backslash and an n may stand for the end of a line.
    receipt_key: SecretStr = Field(default=SecretStr(""))
    #: The file with that key, instead of the key itself.
    receipt_key_file: Path | None = Field(default=None)
    #: A set of public keys to publish beside its own: the next one, and those that sign no more.
    receipt_keys_file: Path | None = Field(default=None)

    @field_validator("receipt_key")
    @classmethod
    def _key_is_a_key(cls, given: SecretStr) -> SecretStr:
        if given.get_secret_value():
            _read(given.get_secret_value())
        return given

    @field_validator("receipt_key_file", "receipt_keys_file", mode="before")
    @classmethod
    def _nothing_is_no_file(cls, given: object) -> object:
        return given or None

    @field_validator("receipt_key_file")
    @classmethod
    def _file_holds_a_key(cls, given: Path | None, info: ValidationInfo) -> Path | None:
        if given is None:
            return None
        key = info.data.get("receipt_key")
        if key is not None and key.get_secret_value():
            raise ValueError("give the key or its file, not both")
        try:
            _read(given.read_text())
        except (OSError, UnicodeDecodeError):
            raise ValueError("the file cannot be read") from None
        return given

    @field_validator("receipt_keys_file")
    @classmethod
    def _file_holds_keys(cls, given: Path | None) -> Path | None:
        if given is not None:
            _read_set(given)
        return given

    @model_validator(mode="after")
    def _signs_with_no_retired_key(self) -> Self:
        own = self.signing_key
        retired = {each.thumbprint for each in self.other_keys if each.signs_until is not None}
        if own is not None and own.public.thumbprint in retired:
            raise ValueError("the key that signs is retired in PENNYRAIL_RECEIPT_KEYS_FILE")
        return self

    @property
    def other_keys(self) -> tuple[keys.PublicKey, ...]:
        """What is published beside the public half of `signing_key`."""
        return _read_set(self.receipt_keys_file) if self.receipt_keys_file is not None else ()

    @property
    def signing_key(self) -> keys.SigningKey | None:
        """The key, None if there is none."""
        if self.receipt_key_file is not None:
            return _read(self.receipt_key_file.read_text())
        given = self.receipt_key.get_secret_value()
        return _read(given) if given else None


def _read_set(file: Path) -> tuple[keys.PublicKey, ...]:
    try:
        return tuple(keys.read_public(file.read_text()))
    except (OSError, UnicodeDecodeError):
        raise ValueError("the file cannot be read") from None
    except BadKey as error:
        raise ValueError(str(error)) from None


def _read(given: str) -> keys.SigningKey:
    try:
        return keys.SigningKey.read(given.replace("\\n", "\n"))
    except BadKey as error:
        raise ValueError(str(error)) from None
