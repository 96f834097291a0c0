"""The switch of each rail, and the figures of every day."""

from pathlib import Path

from alembic import op

revision = "0023_figures"
down_revision = "0022_closing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the changes of 0023_figures.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
