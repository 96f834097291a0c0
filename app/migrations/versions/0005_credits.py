"""Lots, holds, and the operations on an agent's credits."""

from pathlib import Path

from alembic import op

revision = "0005_credits"
down_revision = "0004_agent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and functions of 0005_credits.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
