"""The HTTP API, one file per noun. Handlers decode, decide and encode; they know no policy."""
