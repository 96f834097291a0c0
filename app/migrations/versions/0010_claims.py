"""Claims: which inbox an agent says a person may be reached at."""

from pathlib import Path

from alembic import op

revision = "0010_claims"
down_revision = "0009_reading"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what 0010_claims.sql describes."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
