"""Witnesses of rails that other packages bring."""

from pathlib import Path

from alembic import op

revision = "0019_witnesses"
down_revision = "0018_reconciliation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a rail name its own witness."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
