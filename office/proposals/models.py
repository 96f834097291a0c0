"""Rows of proposals. What they promise stands in 0021_proposals.sql."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _time() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Proposal(SQLModel, table=True):
    """What somebody proposed. Never updated."""

    proposal_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    key: str = Field(sa_type=Text, unique=True)
    kind: str = Field(sa_type=Text)
    about_kind: str = Field(sa_type=Text)
    about_id: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    cents: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    evidence: str | None = Field(default=None, sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_by_id: str = Field(sa_type=Text, foreign_key="operator.operator_id")
    proposed_at: datetime = _time()
    expires_at: datetime = _time()


class ProposalDecision(SQLModel, table=True):
    """What became of a proposal, once. It repeats what the database compares it with."""

    __tablename__ = "proposal_decision"
    proposal_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    decision: str = Field(sa_type=Text)
    decided_by: str = Field(sa_type=Text)
    decided_by_id: str | None = Field(default=None, sa_type=Text, foreign_key="operator.operator_id")
    reason: str = Field(sa_type=Text)
    decided_at: datetime = _time()
    proposed_by: str = Field(sa_type=Text)
    proposed_by_id: str = Field(sa_type=Text)
    expires_at: datetime = _time()
