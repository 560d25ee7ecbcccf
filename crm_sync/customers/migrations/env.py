"""Runs the migrations on the connection that `CustomerDatabase` hands over."""

from alembic import context

from crm_sync.customers.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
