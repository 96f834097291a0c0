"""Rows of operators, their sessions, the audit log and the desk. Constraints stand in the migrations."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Operator(SQLModel, table=True):
    """A person of the house. Never shown whole: hashes and sealed secrets stand in it."""

    operator_id: str = Field(primary_key=True)
    email: str
    name: str
    role: str
    password_hash: str | None = None
    totp_sealed: bytes | None = None
    totp_last_step: int = Field(default=0, sa_type=BigInteger)
    invite_hash: bytes | None = None
    invite_expires_at: datetime | None = Field(default=None)
    sso_subject: str | None = None
    failures: int = 0
    locked_until: datetime | None = Field(default=None)
    created_at: datetime
    disabled_at: datetime | None = Field(default=None)


class OperatorSession(SQLModel, table=True):
    """One signed-in browser or command line."""

    __tablename__ = "operator_session"

    session_id: int | None = Field(default=None, primary_key=True)
    token_hash: bytes
    operator_id: str
    via: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    stepped_up_at: datetime | None = Field(default=None)
    revoked_at: datetime | None = Field(default=None)
    revoked_by: str | None = None
    address: str = ""
    user_agent: str = ""


class AuditRow(SQLModel, table=True):
    """What somebody did, wanted to do, or was refused."""

    __tablename__ = "audit_log"

    audit_id: int | None = Field(default=None, primary_key=True)
    at: datetime
    actor: str
    role: str | None = None
    operator_id: str | None = None
    session_id: int | None = None
    via: str
    address: str | None = None
    action: str
    about_kind: str
    about_id: str
    outcome: str
    reason: str = ""
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    after: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class Note(SQLModel, table=True):
    """What somebody said of something. Never updated."""

    note_id: int | None = Field(default=None, primary_key=True)
    about_kind: str
    about_id: str
    said: str
    author: str
    written_at: datetime


class Assignment(SQLModel, table=True):
    """One turn: who takes care of something from then on. Never updated."""

    about_kind: str = Field(primary_key=True)
    about_id: str = Field(primary_key=True)
    turn: int = Field(primary_key=True)
    owner: str | None = None
    assigned_by: str
    assigned_at: datetime
