"""What crosses a socket: messages, the strict codec, problems, paths, task files."""
