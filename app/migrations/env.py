"""What Alembic runs around the migrations, on the connection that app.migrations.run hands over."""

from alembic import context

from app.migrations.run import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
