"""Millionths: the trail holds no fractions, so shares and confidences stand there as whole parts per million."""

from typing import Final

PPM: Final = 1_000_000
