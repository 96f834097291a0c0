"""Webhooks that the house sends."""

from pathlib import Path

from alembic import op

revision = "0012_outbound"
down_revision = "0011_opening"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of 0012_outbound.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
