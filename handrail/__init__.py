"""Handrail: a model proposes, people decide where it matters."""
