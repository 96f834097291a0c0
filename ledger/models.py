"""The tables of the book, for reading. Only post_transaction() in the database writes them."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel


class TransactionNumber(UserDefinedType[str]):
    """PostgreSQL's xid8, the number of a database transaction in order of its beginning."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in SQL."""
        return "xid8"


# Reflection, with which a test compares these classes to the migrations, must know the type.
ischema_names["xid8"] = TransactionNumber

Moment = DateTime(timezone=True)


class AccountClass(SQLModel, table=True):
    """One line of the chart of accounts."""

    __tablename__: ClassVar[str] = "account_class"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    asset: str = Field(sa_column=Column(Text, nullable=False))
    floor: int | None = Field(sa_column=Column(BigInteger))
    shards: int = Field(sa_column=Column(SmallInteger, nullable=False))


class Account(SQLModel, table=True):
    """Somebody, or some purpose, that holds units of one asset."""

    __tablename__: ClassVar[str] = "account"
    __table_args__ = (UniqueConstraint("name", name="account_name_unique"),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    class_name: str = Field(
        sa_column=Column(Text, ForeignKey("account_class.name", name="account_class_exists"), nullable=False)
    )
    asset: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(
        sa_column=Column(Moment, nullable=False, server_default=text("clock_timestamp()"))
    )


class Balance(SQLModel, table=True):
    """What one shard of an account holds now; the sum over the shards is what the account holds."""

    __tablename__: ClassVar[str] = "balance"

    account_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("account.id", name="balance_account_exists"), primary_key=True
        )
    )
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    posted: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    floor: int | None = Field(sa_column=Column(BigInteger))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    last_at: datetime = Field(sa_column=Column(Moment, nullable=False, server_default=text("'-infinity'")))
    head: bytes = Field(sa_column=Column(LargeBinary, nullable=False, server_default=text("''")))


class Transaction(SQLModel, table=True):
    """One event, told once."""

    __tablename__: ClassVar[str] = "ledger_transaction"
    __table_args__ = (UniqueConstraint("reference", name="ledger_transaction_reference_unique"),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    reference: str = Field(sa_column=Column(Text, nullable=False))
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    effective_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    created_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    # `metadata` is taken: it is where SQLAlchemy keeps the tables of a class.
    details: dict[str, Any] = Field(
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    xid: str = Field(
        sa_column=Column(TransactionNumber, nullable=False, server_default=text("pg_current_xact_id()"))
    )


class Entry(SQLModel, table=True):
    """One leg of a transaction: `amount` came to the account, or left it if negative."""

    __tablename__: ClassVar[str] = "entry"
    __table_args__ = (
        UniqueConstraint("account_id", "shard", "seq", name="entry_seq_unique"),
        Index("entry_account_created_at", "account_id", text("created_at DESC")),
    )

    transaction_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    leg: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    account_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    shard: int = Field(sa_column=Column(SmallInteger, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    balance_after: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=Column(Moment, nullable=False))
