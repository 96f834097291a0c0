"""The operators' desk: notes, owners, and the orders in which queues are read."""

from pathlib import Path

from alembic import op

revision = "0025_desk"
down_revision = "0024_exports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the changes of 0025_desk.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
