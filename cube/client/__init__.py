"""Speaking to a manager over HTTP, synchronously and on the standard library.

Importing aiohttp alone would cost each command 0.3 s.
"""
