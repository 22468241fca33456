"""The worker: the shell around the pure core of one machine, and its session with the manager."""
