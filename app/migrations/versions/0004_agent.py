"""Agents and the hashes of their tokens."""

from pathlib import Path

from alembic import op

revision = "0004_agent"
down_revision = "0003_chain"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of agents."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
