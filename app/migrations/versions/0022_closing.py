"""The close of a month, its lock on the book, and differences that a person has explained."""

from pathlib import Path

from alembic import op

revision = "0022_closing"
down_revision = "0021_proposals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what 0022_closing.sql says, and let the pens book late what came late."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
