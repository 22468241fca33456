"""The manager: admits tasks, decides, remembers. Everything but the decisions themselves, which are `cube.core`'s."""
