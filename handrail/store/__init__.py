"""The only SQLAlchemy: tables, queries and the transactions around them."""
