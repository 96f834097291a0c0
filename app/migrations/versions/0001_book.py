"""The book: accounts, balances, transactions, entries, and the one function that writes them."""

from pathlib import Path

from alembic import op

revision = "0001_book"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, triggers and functions of 0001_book.sql."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
