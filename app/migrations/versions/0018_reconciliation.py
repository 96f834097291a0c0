"""Reconciliation: what Stripe's books say, what was booked of it, and what does not agree."""

from pathlib import Path

from alembic import op

revision = "0018_reconciliation"
down_revision = "0017_reversals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of 0018_reconciliation.sql, and open three classes of accounts."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
