"""The parts of the model benchmark, one for each thing that is measured."""
