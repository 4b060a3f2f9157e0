"""Rehearsals: people and world are simulated, everything else is real, and what came of it is told."""
