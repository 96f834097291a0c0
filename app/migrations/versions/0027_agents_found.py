"""Agents and what is theirs, found by indexes."""

from pathlib import Path

from alembic import op

revision = "0027_agents_found"
down_revision = "0026_finding"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let lists of agents, and of one agent's lots and tokens, be read a page at a time."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
