"""The parts of `benchmarks/fairness.py`: fairlearn beside it, and what its intervals and verdicts keep."""
