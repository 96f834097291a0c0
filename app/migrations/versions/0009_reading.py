"""Reading the past of the book: what an account held at any moment."""

from pathlib import Path

from alembic import op

revision = "0009_reading"
down_revision = "0008_roles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the functions of 0009_reading.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
