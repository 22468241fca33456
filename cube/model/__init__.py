"""The nouns: frozen structs that answer questions about themselves and do nothing else."""
