"""Tokens of the services that spend credits for agents."""

from pathlib import Path

from alembic import op

revision = "0007_service"
down_revision = "0006_seals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of 0007_service.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
