"""Exports, and one list of everything that people and the service did."""

from pathlib import Path

from alembic import op

revision = "0024_exports"
down_revision = "0023_figures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the view of 0024_exports.sql, and tell the audit log what people did before it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
