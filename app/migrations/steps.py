"""What a migration does without making anybody wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlmodel import text


@contextmanager
def without_transaction() -> Iterator[None]:
    """Run each statement by itself and without a limit of time: for what is made concurrently.

    Everything before it is committed, so it comes last in its migration, and may be done again.
    """
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        limits = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "statement_timeout")
        }
        try:
            for name in limits:
                connection.exec_driver_sql(f"SET {name} = 0")
            yield
        finally:
            for name, before in limits.items():
                connection.exec_driver_sql(f"SET {name} = '{before}'")


def make_index(name: str, definition: str, *, unique: bool = False) -> None:
    """Make an index beside everybody's writes: `make_index("hold_of_agent", "ON hold (agent_id)")`."""
    with without_transaction():
        # One that was begun and never finished is there too, and of no use.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} {definition}")
