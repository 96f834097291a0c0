"""The tables of the book, for reading. Only functions of the database write them."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    __table_args__ = (
        Index("balance_due_at", "due_at", postgresql_where=text("due_at < 'infinity'")),
        Index("balance_frozen", "account_id", postgresql_where=text("frozen")),
    )

    account_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("account.id", name="balance_account_exists"), primary_key=True
        )
    )
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    posted: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    held: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    floor: int | None = Field(sa_column=Column(BigInteger))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    last_at: datetime = Field(sa_column=Column(Moment, nullable=False, server_default=text("'-infinity'")))
    head: bytes = Field(sa_column=Column(LargeBinary, nullable=False, server_default=text("''")))
    due_at: datetime = Field(sa_column=Column(Moment, nullable=False, server_default=text("'infinity'")))
    frozen: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))


class Transaction(SQLModel, table=True):
    """One event, told once; or a refusal, which has an `outcome` other than done and no entries."""

    __tablename__: ClassVar[str] = "ledger_transaction"
    __table_args__ = (
        UniqueConstraint("reference", name="ledger_transaction_reference_unique"),
        Index("ledger_transaction_reverses", "reverses", postgresql_where=text("reverses IS NOT NULL")),
        Index("ledger_transaction_seal_order", "xid", "id"),
        Index(
            "ledger_transaction_in_effect",
            "effective_at",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
        ),
        Index(
            "ledger_transaction_of_job",
            text("(details ->> 'job')"),
            postgresql_where=text("kind IN ('hold', 'debit') AND outcome = 'done'"),
        ),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    reference: str = Field(sa_column=Column(Text, nullable=False))
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'done'")))
    account_id: int | None = Field(sa_column=Column(BigInteger))
    credits: int | None = Field(sa_column=Column(BigInteger))
    reverses: int | None = Field(sa_column=Column(BigInteger))
    effective_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    created_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    # `metadata` is taken: it is where SQLAlchemy keeps the tables of a class.
    details: dict[str, Any] = Field(
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    answer: dict[str, Any] | None = Field(sa_column=Column("details", JSONB))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    xid: str = Field(
        sa_column=Column(TransactionNumber, nullable=False, server_default=text("pg_current_xact_id()"))
    )


class Entry(SQLModel, table=True):
    """One leg of a transaction: `amount` came to the account, and `held` of it was set aside there."""

    __tablename__: ClassVar[str] = "entry"
    __table_args__ = (UniqueConstraint("account_id", "shard", "seq", name="entry_seq_unique"),)

    transaction_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    leg: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    account_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    shard: int = Field(sa_column=Column(SmallInteger, nullable=False))
    asset: str = Field(sa_column=Column(Text, nullable=False))
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    held: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    balance_after: int = Field(sa_column=Column(BigInteger, nullable=False))
    held_after: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=Column(Moment, nullable=False))


class Lot(SQLModel, table=True):
    """The credits of one grant, and how many of them are used, held or taken back.

    A lot's share of the prepaid liability is cents - cents_used. `credits` and `cents` shrink when a refund
    takes some back; `granted` and `paid_cents` never change.
    """

    __tablename__: ClassVar[str] = "lot"
    __table_args__ = (
        UniqueConstraint("granted_in", name="lot_granted_in_unique"),
        Index(
            "lot_burn_order",
            *("account_id", "priority", "expires_at", text("promotional DESC"), "id"),
            postgresql_where=text("open"),
        ),
        Index("lot_of_agent", "account_id", "id"),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    account_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    granted_in: int = Field(sa_column=Column(BigInteger, nullable=False))
    promotional: bool
    priority: int = Field(sa_column=Column(SmallInteger, nullable=False))
    effective_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    expires_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    granted: int = Field(sa_column=Column(BigInteger, nullable=False))
    paid_cents: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits: int = Field(sa_column=Column(BigInteger, nullable=False))
    used: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    held: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    cents: int = Field(sa_column=Column(BigInteger, nullable=False))
    cents_used: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    reversing: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    pending: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    open: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("true")))


class LotEntry(SQLModel, table=True):
    """One change of what a lot is worth; the sums of a lot's rows are the lot."""

    __tablename__: ClassVar[str] = "lot_entry"
    __table_args__ = (Index("lot_entry_of_lot", "lot_id", "transaction_id"),)

    transaction_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    place: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    lot_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits: int = Field(sa_column=Column(BigInteger, nullable=False))
    used: int = Field(sa_column=Column(BigInteger, nullable=False))
    cents: int = Field(sa_column=Column(BigInteger, nullable=False))
    cents_used: int = Field(sa_column=Column(BigInteger, nullable=False))


class Hold(SQLModel, table=True):
    """Credits set aside for a job, pinned to lots."""

    __tablename__: ClassVar[str] = "hold"
    __table_args__ = (
        Index("hold_open", "account_id", "expires_at", postgresql_where=text("state = 'open'")),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    account_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    credits: int = Field(sa_column=Column(BigInteger, nullable=False))
    lots: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    pins: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    job: str = Field(sa_column=Column(Text, nullable=False))
    in_flight: bool
    state: str = Field(
        sa_column=Column(
            Enum("open", "captured", "released", "expired", "charged", name="hold_state"),
            nullable=False,
            server_default=text("'open'"),
        )
    )
    captured: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    expires_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    placed_in: int = Field(sa_column=Column(BigInteger, nullable=False))
    closed_in: int | None = Field(sa_column=Column(BigInteger))


class Reversal(SQLModel, table=True):
    """A refund or dispute of a purchase, and how much of it the lot could give back."""

    __tablename__: ClassVar[str] = "reversal"
    __table_args__ = (Index("reversal_lot", "lot_id"),)

    transaction_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lot_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("lot.id", name="reversal_lot_exists"), nullable=False)
    )
    cents: int = Field(sa_column=Column(BigInteger, nullable=False))
    wanted: int = Field(sa_column=Column(BigInteger, nullable=False))
    taken: int = Field(sa_column=Column(BigInteger, nullable=False))
    taken_cents: int = Field(sa_column=Column(BigInteger, nullable=False))
    reinstated_in: int | None = Field(sa_column=Column(BigInteger))


class PreviewDay(SQLModel, table=True):
    """How many jobs an agent began on free credits on one day, in UTC."""

    __tablename__: ClassVar[str] = "preview_day"

    account_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    jobs: int = Field(sa_column=Column(Integer, nullable=False))


class Freeze(SQLModel, table=True):
    """Why an agent may spend nothing new, until it is lifted."""

    __tablename__: ClassVar[str] = "agent_freeze"
    __table_args__ = (
        UniqueConstraint("reference", name="agent_freeze_once_per_reference"),
        Index("agent_freeze_of_agent", "agent_id"),
        Index("audit_trail_agent_freeze", "frozen_at"),
    )

    freeze_id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    agent_id: str = Field(sa_column=Column(Text, nullable=False))
    reference: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    frozen_by: str = Field(sa_column=Column(Text, nullable=False))
    frozen_at: datetime = Field(sa_column=Column(Moment, nullable=False))


class Thaw(SQLModel, table=True):
    """That a freeze was lifted, by whom and why."""

    __tablename__: ClassVar[str] = "agent_thaw"
    __table_args__ = (Index("audit_trail_agent_thaw", "thawed_at"),)

    freeze_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("agent_freeze.freeze_id"), primary_key=True, autoincrement=False
        )
    )
    reason: str = Field(sa_column=Column(Text, nullable=False))
    thawed_by: str = Field(sa_column=Column(Text, nullable=False))
    thawed_at: datetime = Field(sa_column=Column(Moment, nullable=False))


class Seal(SQLModel, table=True):
    """One Merkle tree over transactions, tied to the seal before it."""

    __tablename__: ClassVar[str] = "seal"

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    leaves: int = Field(sa_column=Column(Integer, nullable=False))
    root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    horizon: str = Field(sa_column=Column(TransactionNumber, nullable=False))
    sealed_at: datetime = Field(sa_column=Column(Moment, nullable=False))


class SealLeaf(SQLModel, table=True):
    """The place of one transaction in its seal."""

    __tablename__: ClassVar[str] = "seal_leaf"
    __table_args__ = (UniqueConstraint("transaction_id", name="seal_leaf_transaction_sealed_once"),)

    seal: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    place: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    transaction_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    xid: str = Field(sa_column=Column(TransactionNumber, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PeriodDraft(SQLModel, table=True):
    """The report of one month as one person prepared it; `snapshot` is the state of the book it tells of."""

    __tablename__: ClassVar[str] = "period_draft"
    __table_args__ = (
        UniqueConstraint(
            "draft_id", "month", "prepared_by", "control_hash", name="period_draft_for_its_close"
        ),
        Index("period_draft_of_month", "month", "draft_id"),
    )

    draft_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    month: date = Field(sa_column=Column(Date, nullable=False))
    report: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    control_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    warnings: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    prepared_by: str = Field(sa_column=Column(Text, nullable=False))
    prepared_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    snapshot: str = Field(sa_column=Column(Text, nullable=False))
    xid: str | None = Field(
        default=None,
        sa_column=Column(TransactionNumber, nullable=False, server_default=text("pg_current_xact_id()")),
    )


class PeriodClose(SQLModel, table=True):
    """A month that is closed for ever, by another person than the one who prepared it."""

    __tablename__: ClassVar[str] = "period_close"
    __table_args__ = (
        UniqueConstraint("previous", name="period_close_follows_one"),
        ForeignKeyConstraint(
            ["draft_id", "month", "prepared_by", "control_hash"],
            [
                "period_draft.draft_id",
                "period_draft.month",
                "period_draft.prepared_by",
                "period_draft.control_hash",
            ],
            name="period_close_is_what_was_prepared",
        ),
        Index(
            "period_close_has_one_first",
            text("(previous IS NULL)"),
            unique=True,
            postgresql_where=text("previous IS NULL"),
        ),
    )

    month: date = Field(sa_column=Column(Date, primary_key=True))
    previous: date | None = Field(
        default=None,
        sa_column=Column(Date, ForeignKey("period_close.month", name="period_close_follows")),
    )
    draft_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    prepared_by: str = Field(sa_column=Column(Text, nullable=False))
    control_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    closed_by: str = Field(sa_column=Column(Text, nullable=False))
    closed_at: datetime = Field(sa_column=Column(Moment, nullable=False))
