"""The classifier and what surrounds it: calibration, novelty, the registry and the promotion test."""
