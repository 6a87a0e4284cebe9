"""What alembic runs: the steps on a given connection, or as text for a given dialect."""

from alembic import context

if context.is_offline_mode():
    # The text is executed in a transaction that whoever executes it begins and ends.
    context.configure(dialect_name=context.config.attributes["dialect"], literal_binds=True, transactional_ddl=False)
else:
    context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)

with context.begin_transaction():
    context.run_migrations()
