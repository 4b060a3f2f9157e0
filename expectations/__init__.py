"""Great Expectations: suites as code, the checkpoint that runs them, and the pages that show the results."""
