"""What the witnesses say, kept: one row for each thing a witness saw, holding its latest word."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from rails.models import EvidenceRow
from rails.rail import Evidence


def keep(session: Session, payment_attempt_id: str, said: tuple[Evidence, ...], *, now: datetime) -> None:
    """Write down what witnesses say of an attempt. The first time each thing was seen stays."""
    for word in said:
        row = insert(EvidenceRow).values(
            payment_attempt_id=payment_attempt_id,
            source=word.source,
            external_id=word.external_id,
            state=word.state,
            detail=dict(word.detail),
            first_seen_at=now,
            last_seen_at=now,
        )
        latest = {name: row.excluded[name] for name in ("state", "detail", "last_seen_at")}
        session.execute(
            row.on_conflict_do_update(
                index_elements=["payment_attempt_id", "source", "external_id"], set_=latest
            )
        )
