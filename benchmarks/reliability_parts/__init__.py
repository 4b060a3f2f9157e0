"""The parts of the reliability benchmark: the kill loop, its worker and its receiver, the crowd on PostgreSQL."""
