"""The audit trail: how events are written, chained and verified, without a database."""
