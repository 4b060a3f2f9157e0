"""The parts of the reliability benchmark."""
