"""Maker and checker: proposals, their decisions, changed policies; deductions and losses in the book."""

from pathlib import Path

from alembic import op

revision = "0021_proposals"
down_revision = "0020_office"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the changes of 0021_proposals.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
