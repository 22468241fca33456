"""What starts containers on a machine: Docker, or the simulated one for tests and scale runs."""
