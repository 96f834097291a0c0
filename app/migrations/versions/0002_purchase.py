"""Buying: quotes, attempts, evidence, receipts, exceptions, activity, notices."""

from pathlib import Path

from alembic import op

revision = "0002_purchase"
down_revision = "0001_book"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of buying."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
