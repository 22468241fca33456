"""The `cube` command: what people type and what they see. Imports lazily, to answer at once."""
