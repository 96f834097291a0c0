"""Indexes by which operators find what an id belongs to."""

from pathlib import Path

from alembic import op

revision = "0026_finding"
down_revision = "0025_desk"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let every id, hash, address and name be found by an index."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
