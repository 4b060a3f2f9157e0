"""The parts of `benchmarks/watch.py`: a business at work, and each watch that looks at it."""
