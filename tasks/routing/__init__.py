"""Routing: cases are scored and put into queue A, B or C, and what was decided is delivered."""
