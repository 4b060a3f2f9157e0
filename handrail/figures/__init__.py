"""The figures of each watch's looks, as its readings keep them: one module a watch, written and read by it alone."""
