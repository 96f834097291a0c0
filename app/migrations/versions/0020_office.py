"""The operators' office: who may sign in, who has, and what was done."""

from pathlib import Path

from alembic import op

revision = "0020_office"
down_revision = "0019_witnesses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the changes of 0020_office.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
