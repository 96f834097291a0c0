"""Money that left a payment again, refunds that operators ask for, and agents that may not spend."""

from pathlib import Path

from alembic import op

revision = "0017_reversals"
down_revision = "0016_agent_addresses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of 0017_reversals.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
