"""Parts of `benchmarks/audits.py`."""
