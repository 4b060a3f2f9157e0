"""The time-lapse: the sample business is simulated, and its story is told in a report."""
