"""The parts of the desk's benchmark: the place, the crowd of clients, the browser."""
