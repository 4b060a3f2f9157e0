"""The parts of the agreement benchmark."""
