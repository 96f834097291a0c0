"""The chain: how far it was read, and the deposits seen on it."""

from pathlib import Path

from alembic import op

revision = "0003_chain"
down_revision = "0002_purchase"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the chain watcher."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
