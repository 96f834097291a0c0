"""The roles of the API and of workers. What they may do is in app/migrations/grants.sql."""

from pathlib import Path

from alembic import op

revision = "0029_process_roles"
down_revision = "0028_traced"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the roles of 0029_process_roles.sql, if the cluster does not have them yet."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
