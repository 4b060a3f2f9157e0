"""Parts of the breaker's benchmark, each readable by itself."""
