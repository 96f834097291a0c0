"""Exceptions that are decided: who did what about them, and why."""

from pathlib import Path

from alembic import op

revision = "0014_exceptions"
down_revision = "0013_watcher"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the changes of 0014_exceptions.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
