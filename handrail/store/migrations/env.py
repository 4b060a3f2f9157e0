"""What Alembic runs: the migrations, on the connection it was handed and in that connection's transaction."""

from alembic import context

from handrail.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
