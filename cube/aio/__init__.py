"""The pieces asyncio lacks, one per file, unaware of each other."""
