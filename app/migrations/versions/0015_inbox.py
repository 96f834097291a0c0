"""The inbox: leases, the last error, what people decided, and how far Stripe's events were read."""

from pathlib import Path

from alembic import op

revision = "0015_inbox"
down_revision = "0014_exceptions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply 0015_inbox.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
