"""Alembic's entry: runs on the connection that the gateway hands over (see engine.migrate)."""

from alembic import context

from gateway.adapters.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
