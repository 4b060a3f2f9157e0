"""The parts of the drift benchmark, one for each thing that is measured."""
