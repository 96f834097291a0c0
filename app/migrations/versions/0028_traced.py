"""Which trace a purchase was opened in, for whoever goes on with it."""

from pathlib import Path

from alembic import op

revision = "0028_traced"
down_revision = "0027_agents_found"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let purchases name the trace that they belong to."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
