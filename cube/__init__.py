"""cube: a container orchestrator for 1 to 50 Docker hosts."""

__version__ = "0.1.0"
