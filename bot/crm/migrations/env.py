"""How Alembic reaches the store: on the connection that `Database.open` hands over."""

from alembic import context

from bot.crm.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
