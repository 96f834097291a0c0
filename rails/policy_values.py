"""Values of policies that were changed while the house runs. What never was is what the settings say."""

from collections.abc import Mapping, Sequence

from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from rails.models import PolicyChange


def changed(session: Session) -> Mapping[str, str]:
    """The newest value of every policy that was ever changed, by name."""
    newest = (
        select(PolicyChange.name, PolicyChange.value)
        .ext(distinct_on(col(PolicyChange.name)))
        .order_by(PolicyChange.name, col(PolicyChange.change_id).desc())
    )
    return dict(session.exec(newest).all())


def history(session: Session, *, limit: int = 100) -> Sequence[PolicyChange]:
    """Every change that was made, the newest first."""
    newest = select(PolicyChange).order_by(col(PolicyChange.change_id).desc()).limit(limit)
    return session.exec(newest).all()
