"""Opening a payment: who is at it now, and how much an agent has bought today."""

from pathlib import Path

from alembic import op

revision = "0011_opening"
down_revision = "0010_claims"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what 0011_opening.sql says."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
