"""Seals over every transaction."""

from pathlib import Path

from alembic import op

revision = "0006_seals"
down_revision = "0005_credits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the view of 0006_seals.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
