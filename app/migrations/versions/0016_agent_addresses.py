"""Addresses that are an agent's for good, and which transfer pays which attempt there."""

from pathlib import Path

from alembic import op

revision = "0016_agent_addresses"
down_revision = "0015_inbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of 0016_agent_addresses.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
