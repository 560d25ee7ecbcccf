"""Runs the migrations on the connection that `CustomerDatabase` hands over."""

from alembic import context

from crm_sync.database.tables.customers import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
